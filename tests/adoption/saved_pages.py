"""The admin of a shop that saves by the examples' mixins: its pages, opened and sent."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin, TabularInline
from django.contrib.auth.models import User
from django.forms import CharField, ModelForm
from django.http import HttpRequest, HttpResponseRedirect
from django.test import RequestFactory

from examples.adopting.saving import SavesWhatWasTyped
from tests.adoption.saved_things import Part, Thing

Sent = dict[str, Any]


class ThingForm(ModelForm):
    reason = CharField(required=False)

    def clean(self) -> Any:
        # Of a form's own: it makes one field of another.
        return {**super().clean(), "note": self.cleaned_data.get("name", "").upper()}


class PartInline(SavesWhatWasTyped, TabularInline):
    model = Part
    extra = 1


class PlainAdmin(ModelAdmin):
    fields: tuple[str, ...] = ("name", "quantity", "tags", "note")
    list_display = ("pk", "name", "quantity")
    list_editable = ("name", "quantity")

    # Its log has a table of its own, and where a browser is sent next is of no concern.
    def log_change(self, *_: Any) -> None:
        """Keep no log."""

    def response_change(self, *_: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect("/")


class ThingAdmin(SavesWhatWasTyped, PlainAdmin):
    form = ThingForm
    fields = (*PlainAdmin.fields, "reason")
    inlines = (PartInline,)


class Site(AdminSite):
    def each_context(self, request: HttpRequest) -> Sent:
        return {}


def opened(pk: int, admin: type[ModelAdmin] = ThingAdmin) -> Sent:
    """Open the page of a thing, and return what it would send if nothing were typed."""
    page = admin(Thing, Site()).changeform_view(_request("get", {}), str(pk)).context_data
    sent = _fields_of(page["adminform"].form)
    for inline in page["inline_admin_formsets"]:
        for form in (inline.formset.management_form, *inline.formset.forms):
            sent |= _fields_of(form)
    return sent


def send(pk: int, sent: Sent, admin: type[ModelAdmin] = ThingAdmin) -> int:
    """Send a page; return the status, 302 where it was saved."""
    response = admin(Thing, Site()).changeform_view(_request("post", sent), str(pk))
    return int(response.status_code)


def opened_list(admin: type[ModelAdmin] = ThingAdmin) -> Sent:
    """Open the list that can be edited."""
    formset = _listed(admin)(queryset=Thing.objects.order_by("pk"))
    sent = _fields_of(formset.management_form)
    for form in formset.forms:
        sent |= _fields_of(form)
    return sent


def send_list(sent: Sent, admin: type[ModelAdmin] = ThingAdmin) -> None:
    formset = _listed(admin)(sent, queryset=Thing.objects.order_by("pk"))
    assert formset.is_valid(), formset.errors
    for form in formset.forms:
        if form.has_changed():
            form.save()


def _listed(admin: type[ModelAdmin]) -> Any:
    return admin(Thing, Site()).get_changelist_formset(_request("get", {}))


def _request(method: str, sent: Sent) -> HttpRequest:
    request = getattr(RequestFactory(), method)("/", sent)
    request.user = User(is_superuser=True, is_active=True, pk=1)
    request._dont_enforce_csrf_checks = True
    return request


def _fields_of(form: Any) -> Sent:
    """Return what a browser sends of a form: what it shows, and what it has hidden of before."""
    sent: Sent = {}
    for each in form:
        sent[each.html_name] = each.value()
        if each.field.show_hidden_initial:
            sent[each.html_initial_name] = each.value()
    return {name: "" if value is None else value for name, value in sent.items()}
