/* Shared by gonio-viewer.c, -draw.c, -input.c and -modes.c only. */
#pragma once

#include "core/pipeline/overlay.h"
#include "ui/viewer/gonio-landmark-handle.h"
#include "ui/viewer/gonio-view-frame.h"
#include "ui/viewer/gonio-viewer.h"

G_BEGIN_DECLS

/* What was last rendered, reused while the picture only moves and it still covers the view. */
typedef struct {
  GdkTexture *texture;
  GonioViewFrame frame; /* device px, with margin */
  double margin;        /* device px on every side */
  guint window_serial;
} GonioRendered;

struct _GonioViewer {
  GtkWidget parent_instance;
  GonioItem *item;
  GonioPyramid *pyramid;   /* shown; owned */
  GonioProtocol *protocol; /* whose landmarks have handles; owned */
  GonioViewFrame frame;
  gboolean fitted; /* keeps fitting while the widget changes size */
  gboolean show_original;
  gboolean overlay_hidden;
  GonioOverlayDetail detail;
  char *selected;

  GonioWindow window;
  guint window_serial;
  uint8_t *table; /* 65536 entries: pixel to display level */
  GonioRendered rendered;

  GPtrArray *handles; /* GonioLandmarkHandle*, children */
  char *dragged;      /* landmark id while dragging */

  GtkWidget *menu; /* GonioLandmarkMenu while it is open, child */

  GonioViewerMode mode;
  char *placing;                /* landmark id in PLACE */
  GonioPoint cross;             /* widget px */
  GtkWidget *corner_handles[4]; /* GonioLandmarkHandle, children, in STRAIGHTEN */
  GonioPoint corners[4];        /* original px */
  int dragged_corner;           /* -1: none */

  GonioPoint pointer;               /* last seen, widget px */
  double pan_x, pan_y;              /* pan gesture: offset already applied */
  double start_center, start_width; /* window gesture */
  double pinch_zoom;
};

/* The picture shown now, NULL without one. */
GonioPyramid *gonio_viewer_pyramid (GonioViewer *self);
gboolean gonio_viewer_original_to_widget (GonioPoint original, GonioPoint *out, gpointer viewer);
gboolean gonio_viewer_widget_to_original (GonioViewer *self, GonioPoint widget, GonioPoint *out);
void gonio_viewer_view_changed (GonioViewer *self);
void gonio_viewer_window_changed (GonioViewer *self);
void gonio_viewer_zoom_to (GonioViewer *self, double zoom, GonioPoint at);
void gonio_viewer_snapshot (GtkWidget *widget, GtkSnapshot *snapshot);
/* Takes over what there is to show now: another picture, another protocol. */
void gonio_viewer_follow_item (GonioViewer *self);
void gonio_viewer_place_handle (GonioViewer *self, GtkWidget *handle, const GonioPoint *original);
void gonio_viewer_add_input (GonioViewer *self);

/* ---- modes ---- */
void gonio_viewer_move_cross (GonioViewer *self, GonioPoint to);
/* Where the loupe looks, widget px; FALSE when there is nothing to look at closely. */
gboolean gonio_viewer_loupe_at (GonioViewer *self, GonioPoint *out);
void gonio_viewer_remove_corners (GonioViewer *self);
void gonio_viewer_draw_mode (GonioViewer *self, cairo_t *cr);

G_END_DECLS
