"""Refunds that the payment platform makes, and what it takes back."""
from django.conf import settings
from django.db import migrations, models
import django.db.models.deletion

REFUNDS = settings.DATABASES["refunds"]["USER"]


class Migration(migrations.Migration):

    dependencies = [('gannet', '0004_return_items')]

    operations = [
        migrations.CreateModel(
            name='CreditNoteRefundPart',
            fields=[
                ('credit_note_refund_part_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('amount', models.DecimalField(decimal_places=2, max_digits=14)),
            ],
            options={
                'db_table': 'regpaydb"."credit_note_refund_part',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Reversal',
            fields=[
                ('reversal_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('provider', models.TextField()),
                ('reversal_ref', models.TextField()),
                ('time', models.DateTimeField()),
                ('amount', models.DecimalField(decimal_places=2, max_digits=14)),
                ('loss', models.DecimalField(decimal_places=2, max_digits=14)),
                ('reference', models.TextField()),
                ('entered_by', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'regpaydb"."reversal',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='PlatformPart',
            fields=[
                ('part', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='platform', serialize=False, to='gannet.creditnoterefundpart')),
                ('platform_ref', models.CharField(max_length=200, null=True, unique=True)),
                ('refusal', models.CharField(default='', max_length=1000)),
            ],
        ),
        # It ends refunds, which only staff may, and takes their rows of the outbox.
        migrations.RunSQL(
            f"""
            SELECT regpaydb.grant_access('{REFUNDS}', 'staff');
            GRANT DELETE, UPDATE (outbox_id) ON regpaydb.outbox TO {REFUNDS};
            GRANT SELECT, INSERT, UPDATE ON gannet_platformpart TO {REFUNDS};
            GRANT SELECT, INSERT ON gannet_stripepayment TO {REFUNDS};
            """
        ),
    ]
