"""
regpaydb 0.2, and what the payment platform calls a refund.

The ledger may be of an older version. Where it was just made it is of the
extension's, and then the first two operations do nothing.
"""
from django.conf import settings
from django.db import migrations, models
import django.db.models.deletion

SITE = settings.DATABASES["default"]["USER"]
WORKER = settings.DATABASES["worker"]["USER"]


class Migration(migrations.Migration):

    dependencies = [('gannet', '0002_models')]

    operations = [
        migrations.RunSQL("ALTER EXTENSION regpaydb UPDATE"),
        migrations.RunSQL("SELECT regpaydb.upgrade_ledger()"),
        # What is new in it is granted by granting the access again.
        migrations.RunSQL(
            f"""
            SELECT regpaydb.grant_access('{SITE}', 'app');
            SELECT regpaydb.grant_access('{SITE}', 'staff');
            SELECT regpaydb.grant_access('{WORKER}', 'reports');
            """
        ),
        migrations.CreateModel(
            name='CreditNoteRefund',
            fields=[
                ('credit_note_refund_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('time', models.DateTimeField()),
                ('reference', models.TextField()),
                ('entered_by', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'regpaydb"."credit_note_refund',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='PlatformRefund',
            fields=[
                ('refund', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='gannet.creditnoterefund')),
                ('platform_ref', models.CharField(max_length=200, unique=True)),
            ],
        ),
    ]
