from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):

    dependencies = [('gannet', '0001_ledger')]

    operations = [
        migrations.CreateModel(
            name='Attendee',
            fields=[
                ('attendee_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('user_id', models.BigIntegerField(unique=True)),
                ('recipient', models.TextField(max_length=10000, verbose_name='name and address')),
                ('email', models.EmailField(max_length=1000)),
                ('access_code', models.TextField(editable=False, null=True)),
            ],
            options={
                'db_table': 'regpaydb"."attendee',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Cart',
            fields=[
                ('cart_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('status', models.TextField(choices=[('active', 'Active'), ('paid', 'Paid'), ('released', 'Released')])),
                ('revision', models.IntegerField()),
            ],
            options={
                'db_table': 'regpaydb"."cart',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='CartItem',
            fields=[
                ('cart_item_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('quantity', models.IntegerField()),
            ],
            options={
                'db_table': 'regpaydb"."cart_item',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Category',
            fields=[
                ('category_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('required', models.BooleanField(default=False)),
                ('limit_per_attendee', models.IntegerField(null=True)),
                ('display_order', models.IntegerField(default=0)),
            ],
            options={
                'db_table': 'regpaydb"."category',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Conference',
            fields=[
                ('only_row', models.BooleanField(default=True, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('currency', models.TextField()),
            ],
            options={
                'db_table': 'regpaydb"."conference',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('invoice_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('status', models.TextField(choices=[('unpaid', 'Unpaid'), ('paid', 'Paid'), ('refunded', 'Refunded'), ('void', 'Void')])),
                ('recipient', models.TextField()),
                ('issue_time', models.DateTimeField()),
                ('due_time', models.DateTimeField()),
                ('value', models.DecimalField(decimal_places=2, max_digits=14)),
                ('paid', models.DecimalField(decimal_places=2, max_digits=14)),
            ],
            options={
                'db_table': 'regpaydb"."invoice',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='LineItem',
            fields=[
                ('line_item_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('description', models.TextField()),
                ('quantity', models.IntegerField()),
                ('price', models.DecimalField(decimal_places=2, max_digits=14)),
            ],
            options={
                'db_table': 'regpaydb"."line_item',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Outbox',
            fields=[
                ('outbox_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('time', models.DateTimeField()),
                ('kind', models.TextField()),
                ('old_status', models.TextField(choices=[('unpaid', 'Unpaid'), ('paid', 'Paid'), ('refunded', 'Refunded'), ('void', 'Void')], null=True)),
                ('new_status', models.TextField(choices=[('unpaid', 'Unpaid'), ('paid', 'Paid'), ('refunded', 'Refunded'), ('void', 'Void')], null=True)),
            ],
            options={
                'db_table': 'regpaydb"."outbox',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('payment_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.TextField(choices=[('payment', 'Payment'), ('manual', 'Payment entered by staff'), ('credit_note', 'Moved to a credit note'), ('credit_application', 'Paid by credit note')])),
                ('time', models.DateTimeField()),
                ('reference', models.TextField()),
                ('amount', models.DecimalField(decimal_places=2, max_digits=14)),
                ('provider', models.TextField(null=True)),
                ('provider_ref', models.TextField(null=True)),
                ('entered_by', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'regpaydb"."payment',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Product',
            fields=[
                ('product_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('price', models.DecimalField(decimal_places=2, max_digits=14)),
                ('stock', models.IntegerField(null=True)),
                ('display_order', models.IntegerField(default=0)),
            ],
            options={
                'db_table': 'regpaydb"."product',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Staff',
            fields=[
                ('user_id', models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'regpaydb"."staff',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='CreditNote',
            fields=[
                ('payment', models.OneToOneField(db_column='credit_note_id', on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, serialize=False, to='gannet.payment')),
                ('value', models.DecimalField(decimal_places=2, max_digits=14)),
                ('state', models.TextField(choices=[('unclaimed', 'Unclaimed'), ('applied', 'Applied'), ('refunded', 'Refunded')])),
            ],
            options={
                'db_table': 'regpaydb"."credit_note',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='DemoPayment',
            fields=[
                ('payment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='gannet.payment')),
                ('paid_by', models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='StripePayment',
            fields=[
                ('payment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='gannet.payment')),
                ('charge', models.JSONField()),
            ],
        ),
    ]
