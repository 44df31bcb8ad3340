/* Sends items through the pipeline one after the other, off the main thread. GObject, main
 * thread only. Depends on core's pipeline. */
#pragma once

#include "ui/model/gonio-item.h"

G_BEGIN_DECLS

#define GONIO_TYPE_QUEUE (gonio_queue_get_type ())
G_DECLARE_FINAL_TYPE (GonioQueue, gonio_queue, GONIO, QUEUE, GObject)

/* Signal "progress": counts or fraction changed. Items wait until there is a pipeline. */
GonioQueue *gonio_queue_new (void);
/* For the items after the running one, which keeps its own. NULL: they wait, or fail with error
 * (nullable). */
void gonio_queue_set_pipeline (GonioQueue *self, GonioPipeline *pipeline, const char *error);
/* urgent: before all others that wait. An item that waits already is moved. */
void gonio_queue_add (GonioQueue *self, GonioItem *item, gboolean urgent);
/* Stops the present item and drops those that wait; they go back to their former state. */
void gonio_queue_cancel (GonioQueue *self);
void gonio_queue_set_paused (GonioQueue *self, gboolean paused);
gboolean gonio_queue_get_paused (GonioQueue *self);

gboolean gonio_queue_is_busy (GonioQueue *self);
/* Of the batch since the queue was last idle. seconds_left < 0 when not known yet. */
void gonio_queue_get_progress (GonioQueue *self, guint *out_done, guint *out_total,
                               double *out_fraction, double *out_seconds_left);

G_END_DECLS
