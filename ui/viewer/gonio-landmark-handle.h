/* A landmark on the picture: a small focusable widget that can be dragged, nudged and read
 * aloud. Child of GonioViewer, which places it. */
#pragma once

#include "core/measure/result.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define GONIO_TYPE_LANDMARK_HANDLE (gonio_landmark_handle_get_type ())
G_DECLARE_FINAL_TYPE (GonioLandmarkHandle, gonio_landmark_handle, GONIO, LANDMARK_HANDLE, GtkWidget)

#define GONIO_LANDMARK_HANDLE_SIZE 28

/* Signals: "drag-begin", "drag-update" (double dx, double dy: widget px since the last
 * update), "drag-end", "nudge" (double dx, double dy: picture px as shown), "restore",
 * "skip", "lock", "menu". A locked handle emits no drags. */
/* A handle for a corner of the film is one that is never updated. */
GtkWidget *gonio_landmark_handle_new (const char *id, const char *name);
const char *gonio_landmark_handle_get_id (GonioLandmarkHandle *self);
void gonio_landmark_handle_update (GonioLandmarkHandle *self, const GonioLandmark *landmark);

G_END_DECLS
