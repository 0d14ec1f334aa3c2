/*
 * In which order operations may come. The compiler orders them with reasons of its own; this only refuses what would be
 * dangerous or senseless to execute: set-up of the host's side after the fork, a target without a root, a step
 * that needs the host after the host has gone.
 */
#ifndef TSRUN_ORDER_H
#define TSRUN_ORDER_H

#include "reader.h"

struct order {
	bool forked;
	bool rooted;
	bool pivoted;
	bool ready;
	bool awaited;
	bool programmed;
	bool filtered;
	bool traced;
	u32 joined; /* CLONE_NEW* of the join operations so far */
};

/* NULL, or why `op` may not come here. `last`: nothing follows it. */
const char *order_check(struct order *order, const struct op *op, bool last);

#endif
