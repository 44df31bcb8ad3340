/* What a plan amounts to. Depends on partition. */
#pragma once

#include "core/plan/partition.h"

G_BEGIN_DECLS

/* "cpu 212 nodes, reference 3 nodes"; backends without nodes are left out. (transfer full) */
char *gonio_plan_summary (const GonioPartition *partition, const GonioPlanBackend *backends,
                          guint n_backends);

/* How many nodes run on it. */
guint gonio_plan_count_nodes (const GonioPartition *partition, guint backend);

/* Floating operations of convolutions and matrix products of known shape, two for each
 * multiply-add; everything else counts nothing, as benchmarks of networks count. */
double gonio_plan_flops (const GonioGraph *graph);

G_END_DECLS
