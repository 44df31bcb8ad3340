/* Draws a result over a picture with cairo: bone axes, arcs, values, landmarks. Used by the
 * viewer, by --overlay and by exports, so that all show the same. Depends on measure, imaging;
 * cairo and pango. Main or worker thread, one cairo_t at a time. */
#pragma once

#include "core/measure/protocol.h"
#include "core/measure/result.h"

#include <cairo.h>

G_BEGIN_DECLS

/* Original px to device px; FALSE where there is none. */
typedef gboolean (*GonioOverlayMap) (GonioPoint original, GonioPoint *out_device, gpointer data);

typedef enum {
  GONIO_OVERLAY_NOTHING,
  GONIO_OVERLAY_VALUES, /* lines of the measures, arcs, values */
  GONIO_OVERLAY_FULL,   /* + every axis and the names of landmarks */
} GonioOverlayDetail;

typedef struct {
  const GonioProtocol *protocol;
  const GonioResult *result;
  const GonioTransform *to_flat; /* nullable: identity */
  GonioOverlayMap map;
  gpointer map_data;
  double unit;          /* device px per logical px: stroke widths and text scale with it */
  double width, height; /* of the drawing area, device px; labels stay inside */
  const char *selected; /* measure id, nullable: others are drawn faded */
  GonioOverlayDetail detail;
  gboolean landmarks; /* draw rings (the viewer has widgets of its own for them) */
} GonioOverlay;

void gonio_overlay_draw (cairo_t *cr, const GonioOverlay *overlay);

/* Colour of a measure, by its index in the protocol: Okabe-Ito, safe for colour-blind eyes. */
typedef struct {
  double red, green, blue;
} GonioOverlayColor;
GonioOverlayColor gonio_overlay_color (guint measure);

/* "31° ±2", "0.5°", "12 mm ±1": rounded as the protocol says, never finer than the error
 * allows. (transfer full) */
char *gonio_overlay_format_value (const GonioMeasureText *text, const GonioMeasurement *measure,
                                  gboolean with_error);

G_END_DECLS
