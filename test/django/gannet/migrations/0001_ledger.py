"""
The extension, the ledger, and what the site's roles may do.

Run as the owner of the database: manage.py migrate --database=owner. There is
no way back: it would drop the conference's money.
"""
from django.conf import settings
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations

SITE = settings.DATABASES["default"]["USER"]
WORKER = settings.DATABASES["worker"]["USER"]


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    # Before any table is made, so that default privileges reach all of Django's.
    run_before = [("contenttypes", "0001_initial"), ("sessions", "0001_initial")]

    operations = [
        migrations.RunSQL(
            f"""
            ALTER DEFAULT PRIVILEGES IN SCHEMA public
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {SITE};
            ALTER DEFAULT PRIVILEGES IN SCHEMA public
                GRANT USAGE ON SEQUENCES TO {SITE};
            GRANT SELECT ON django_migrations TO {SITE};
            """
        ),
        CreateExtension("regpaydb"),
        migrations.RunSQL(
            "SELECT regpaydb.create_ledger(conference_name => 'Gannet Conf 2026',"
            f" currency => '{settings.CURRENCY}')"
        ),
        # The same role serves attendees and staff: the ledger's table staff says
        # which users are staff, and ActorMiddleware on whose behalf it acts. As
        # it has the access app, it sees in the ledger what that user may view.
        migrations.RunSQL(
            f"""
            SELECT regpaydb.grant_access('{SITE}', 'app');
            SELECT regpaydb.grant_access('{SITE}', 'staff');
            GRANT INSERT (user_id, recipient, email) ON regpaydb.attendee TO {SITE};
            """
        ),
        # FOR UPDATE needs UPDATE of some column; the rows can't be changed anyway.
        migrations.RunSQL(
            f"""
            SELECT regpaydb.grant_access('{WORKER}', 'reports');
            GRANT DELETE, UPDATE (outbox_id) ON regpaydb.outbox TO {WORKER};
            """
        ),
    ]
