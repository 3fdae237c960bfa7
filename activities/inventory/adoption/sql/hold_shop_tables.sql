-- From here on the shop's writes wait for what follows: one budget for all of it.
{shop_tables_held}
