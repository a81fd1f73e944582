/*
 * inventory.h
 *	  What is left of products while a statement sells many carts.
 */
#ifndef REGPAYDB_INVENTORY_H
#define REGPAYDB_INVENTORY_H

#include "ledger/model.h"

typedef struct Inventory Inventory;

extern Inventory *inventory_begin(Ledger *ledger);
extern bool inventory_suffices(Inventory *inventory, int64 cart_id);
extern bool inventory_sell(Inventory *inventory, int64 cart_id);
extern bool inventory_take_back(Inventory *inventory, int64 cart_id);
extern void inventory_write(Inventory *inventory);

#endif							/* REGPAYDB_INVENTORY_H */
