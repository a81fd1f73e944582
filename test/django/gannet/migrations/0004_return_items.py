"""
regpaydb 0.3, for return_items() and charge_credit_note().

As in the migration before, it does nothing where the ledger was just made.
"""
from django.conf import settings
from django.db import migrations

SITE = settings.DATABASES["default"]["USER"]
WORKER = settings.DATABASES["worker"]["USER"]


class Migration(migrations.Migration):

    dependencies = [('gannet', '0003_platform_refund')]

    operations = [
        migrations.RunSQL("ALTER EXTENSION regpaydb UPDATE"),
        migrations.RunSQL("SELECT regpaydb.upgrade_ledger()"),
        migrations.RunSQL(
            f"""
            SELECT regpaydb.grant_access('{SITE}', 'app');
            SELECT regpaydb.grant_access('{SITE}', 'staff');
            SELECT regpaydb.grant_access('{WORKER}', 'reports');
            """
        ),
    ]
