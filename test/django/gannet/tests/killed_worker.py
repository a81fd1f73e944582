"""
send_refunds as a process that kills itself: killed_worker.py DATABASE STEP

A step is what comes before each statement that writes, before and after each commit, and
before and after each question to the platform. Between two of these nothing happens that
outlives the process.
"""
import os
import signal
import sys
from itertools import count

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gannet.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from gannet import platform  # noqa: E402

database, last_step = sys.argv[1], int(sys.argv[2])
steps = count(1)


def step():
    if next(steps) == last_step:
        os.kill(os.getpid(), signal.SIGKILL)


def at_statement(execute, sql, *args):
    if sql.startswith(("INSERT", "UPDATE", "DELETE", "SELECT regpaydb.")):
        step()
    return execute(sql, *args)


def between_steps(function):
    def with_steps(*args, **arguments):
        step()
        result = function(*args, **arguments)
        step()
        return result

    return with_steps


connection = connections["refunds"]
connection.settings_dict["NAME"] = database
connection._commit = between_steps(connection._commit)
platform.refund = between_steps(platform.refund)
platform.find_refund = lambda *args: None
with connection.execute_wrapper(at_statement):
    call_command("send_refunds", once=True, again_after=0)
