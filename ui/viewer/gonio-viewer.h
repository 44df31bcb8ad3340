/* The picture with its overlay: zoom, pan, rotate, flip, window/level, landmarks. Main thread
 * only. Depends on ui/model and core/pipeline/overlay.h.
 *
 * View frame: widget px. Picture frame: px of the picture shown (rectified or original).
 * Landmarks are kept in px of the original picture. */
#pragma once

#include "ui/model/gonio-item.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define GONIO_TYPE_VIEWER (gonio_viewer_get_type ())
G_DECLARE_FINAL_TYPE (GonioViewer, gonio_viewer, GONIO, VIEWER, GtkWidget)

/* What a click means. */
typedef enum {
  GONIO_VIEWER_LOOK,       /* looks, drags landmarks */
  GONIO_VIEWER_PLACE,      /* places one landmark that has no place yet */
  GONIO_VIEWER_STRAIGHTEN, /* moves the film's four corners on the original picture */
} GonioViewerMode;

/* Signals: "view-changed": zoom, window or before/after changed (for the status line);
 * "mode-changed": another mode, another landmark to place, or a corner moved. */
GtkWidget *gonio_viewer_new (void);
void gonio_viewer_set_item (GonioViewer *self, GonioItem *item); /* nullable */
void gonio_viewer_set_selected_measure (GonioViewer *self, const char *id);

void gonio_viewer_zoom_by (GonioViewer *self, double factor);
void gonio_viewer_fit (GonioViewer *self);
void gonio_viewer_actual_size (GonioViewer *self);
void gonio_viewer_pan (GonioViewer *self, double dx, double dy);
void gonio_viewer_rotate (GonioViewer *self, int quarter_turns);
void gonio_viewer_flip (GonioViewer *self);
void gonio_viewer_invert (GonioViewer *self);
void gonio_viewer_auto_window (GonioViewer *self);
void gonio_viewer_reset_window (GonioViewer *self);
/* Before/after: TRUE shows the original picture. */
void gonio_viewer_set_show_original (GonioViewer *self, gboolean original);
gboolean gonio_viewer_get_show_original (GonioViewer *self);
void gonio_viewer_set_overlay_hidden (GonioViewer *self, gboolean hidden);
void gonio_viewer_cycle_overlay (GonioViewer *self);
/* ---- modes: one at a time; they end by themselves when the picture changes ---- */
GonioViewerMode gonio_viewer_get_mode (GonioViewer *self);
void gonio_viewer_end_mode (GonioViewer *self);
/* A cross-hair with a loupe waits for a click, or arrows and gonio_viewer_place(). */
void gonio_viewer_begin_place (GonioViewer *self, const char *landmark);
const char *gonio_viewer_get_placing (GonioViewer *self); /* nullable */
/* Puts the landmark under the cross-hair and goes on to the next one of that side that is not
 * placed; ends the mode after the last. */
void gonio_viewer_place (GonioViewer *self);

/* Starts from the corners that were found, else from the picture's. */
void gonio_viewer_begin_straighten (GonioViewer *self);
/* Original px, clockwise from the top left. FALSE, and out left alone, unless they are the
 * corners of a film: a convex quadrilateral. */
gboolean gonio_viewer_get_corners (GonioViewer *self, GonioPoint out_corners[4]);

/* "82 %   W 2400 L 1200   ..." (transfer full) */
char *gonio_viewer_dup_status (GonioViewer *self);

G_END_DECLS
