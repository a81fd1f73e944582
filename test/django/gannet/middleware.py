from django.db import transaction

from .ledger import set_actor

# No user has this id. Anonymous visitors without a code act as this one rather
# than without an actor, so that a view that forgets to ask for a login shows and
# does nothing.
NOBODY = 0


class ActorMiddleware:
    """
    Runs each request in one transaction, on behalf of its user or of the access
    code in its URL.

    Not ATOMIC_REQUESTS: that begins after all middleware, and the actor lasts
    for one transaction only.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.failed = False
        with transaction.atomic():
            set_actor(self.user_id(request, NOBODY))
            response = self.get_response(request)
            if request.failed:
                transaction.set_rollback(True)
        return response

    def process_view(self, request, view_func, view_args, view_kwargs):
        if getattr(view_func, "without_actor", False):
            set_actor()
        elif "access_code" in view_kwargs:
            # The holder of a code alone is no user: nobody signs what she pays.
            set_actor(self.user_id(request, ""), view_kwargs["access_code"])

    def user_id(self, request, anonymous):
        return request.user.pk if request.user.is_authenticated else anonymous

    def process_exception(self, request, exception):
        # It becomes a response, such as the page for error 404, before it gets to
        # __call__. No set_rollback() yet: it would refuse that page its queries.
        request.failed = True


def without_actor(view):
    """For a view that acts for no user, such as a webhook: the role's rights count."""
    view.without_actor = True
    return view
