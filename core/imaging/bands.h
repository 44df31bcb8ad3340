/* Rows of a picture shared out over threads. Private to core/imaging. Depends on GLib. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rows first..end-1; called on several threads at once, never twice for a row. */
typedef void (*GonioBand) (gpointer data, guint first, guint end);

/* Bands of whole steps of rows, on gonio_image_set_threads() threads, the caller's among them;
 * returns when all are done. cost: pixels or so in all; little work is not shared out. What a band
 * computes must not depend on where it begins. */
void gonio_bands_run (guint rows, guint step, guint64 cost, GonioBand band, gpointer data);

G_END_DECLS
