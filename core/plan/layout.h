/* Physical layouts inside regions. Depends on partition. */
#pragma once

#include "core/plan/partition.h"

G_BEGIN_DECLS

/* Decides for every node of regions whose backend has any_layout whether it works on NHWC
 * values, so that few bytes need converting; sets the layout fact of values and inserts
 * gonio.Layout nodes where a value is needed in the other form (one per value and direction).
 * Values that cross regions stay plain. Constants are never converted: a backend rearranges
 * them when it compiles. */
void gonio_layout_apply (GonioGraph *graph, GonioPartition *partition,
                         const GonioPlanBackend *backends);

G_END_DECLS
