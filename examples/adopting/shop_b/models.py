"""Shop B, as it is: reservations as rows, by session or user. Not changed for Holdfast."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone

User = get_user_model()


class ProductQuerySet(models.QuerySet):
    def with_available_stock(self) -> models.QuerySet:
        return self.annotate(available_stock=models.F("total_stock") - models.F("reserved_stock"))

    def in_stock(self) -> models.QuerySet:
        return self.with_available_stock().filter(available_stock__gt=0)


class ProductManager(models.Manager):
    def get_queryset(self) -> ProductQuerySet:
        return ProductQuerySet(self.model, using=self._db)

    def with_available_stock(self) -> models.QuerySet:
        return self.get_queryset().with_available_stock()

    def in_stock(self) -> models.QuerySet:
        return self.get_queryset().in_stock()


class Product(models.Model):
    sku = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=255)
    total_stock = models.PositiveIntegerField(default=0)
    reserved_stock = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductManager()

    class Meta:
        db_table = "inventory_product"

    @property
    def available_stock(self) -> int:
        return max(0, self.total_stock - self.reserved_stock)

    def has_stock(self, quantity: int = 1) -> bool:
        return self.available_stock >= quantity


class StockReservationQuerySet(models.QuerySet):
    def active(self) -> models.QuerySet:
        return self.filter(expires_at__gt=timezone.now())

    def expired(self) -> models.QuerySet:
        return self.filter(expires_at__lte=timezone.now())

    def for_session(self, session_key: str) -> models.QuerySet:
        return self.filter(session_key=session_key)

    def for_user(self, user: models.Model) -> models.QuerySet:
        return self.filter(user=user)


class StockReservation(models.Model):
    RESERVATION_DURATION = timedelta(minutes=15)

    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    session_key = models.CharField(max_length=40, null=True, blank=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True)
    quantity = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StockReservationQuerySet.as_manager()

    class Meta:
        db_table = "inventory_stockreservation"
        indexes = (
            models.Index(fields=["expires_at"]),
            models.Index(fields=["session_key"]),
            models.Index(fields=["user"]),
        )


class Cart(models.Model):
    session_key = models.CharField(max_length=40, null=True, blank=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "orders_cart"


class CartItem(models.Model):
    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    quantity = models.PositiveIntegerField()
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "orders_cartitem"
        unique_together = ("cart", "product")
