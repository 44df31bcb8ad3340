/* The window a DICOM file brings: VOI LUT, window values, or the picture's range; inversion by
 * MONOCHROME1 or presentation LUT shape comes after it and only once (PS3.3 C.7.6.3.1.2, C.11.2,
 * C.11.6). Files with a table or window that shows nothing are common; those get an automatic
 * window. Depends on base.
 */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

#include <math.h>

/* MONOCHROME1 and shape INVERSE say the same thing where they come together. */
static gboolean
is_inverted (const GonioDicom *d)
{
  return g_strcmp0 (d->info.photometric, "MONOCHROME1") == 0 ||
         (d->presentation_shape && g_ascii_strcasecmp (d->presentation_shape, "INVERSE") == 0);
}

/* Entries scaled to 0..65535 by the stated bits, or by what they need when that is a lie. */
static gboolean
window_from_lut (const GonioDicom *d, GonioWindow *window)
{
  const GonioDicomLut *lut = &d->voi_lut;
  guint bits = CLAMP (lut->bits, 8, 16), largest = 0;
  /* Input are modality values: a modality LUT's are never negative. */
  gboolean is_signed =
      lut->first_is_signed || (!d->modality_lut.data && (d->is_signed || d->intercept < 0));

  if (!lut->data || lut->count < 2)
    return FALSE;
  for (guint i = 0; i < lut->count; i++)
    largest = MAX (largest, lut->data[i]);
  if (largest == 0)
    return FALSE;
  while (bits < 16 && largest >> bits)
    bits++;
  window->kind = GONIO_VOI_LUT;
  window->lut = g_new (uint16_t, lut->count);
  window->lut_size = lut->count;
  window->lut_first = is_signed ? (double)(gint16)lut->first : lut->first;
  for (guint i = 0; i < lut->count; i++)
    window->lut[i] = (uint16_t)lround (lut->data[i] * 65535.0 / ((1u << bits) - 1));
  return TRUE;
}

static gboolean
window_from_values (const GonioDicom *d, GonioWindow *window)
{
  const char *function = d->voi_function ? d->voi_function : "";

  if (!d->has_window)
    return FALSE;
  window->kind = g_ascii_strcasecmp (function, "SIGMOID") == 0        ? GONIO_VOI_SIGMOID
                 : g_ascii_strcasecmp (function, "LINEAR_EXACT") == 0 ? GONIO_VOI_LINEAR_EXACT
                                                                      : GONIO_VOI_LINEAR;
  /* Width 0 is not allowed anywhere; LINEAR needs at least 1. */
  if (!(d->window_width > 0) || (window->kind == GONIO_VOI_LINEAR && d->window_width < 1))
    return FALSE;
  window->center = d->window_center;
  window->width = d->window_width;
  return TRUE;
}

GonioWindow
gonio_dicom_window (const GonioDicom *d, const GonioImage *image, double scale, double offset)
{
  GonioWindow base = {.scale = scale, .offset = offset, .invert = is_inverted (d)};
  GonioWindow window = base;

  if (window_from_lut (d, &window)) {
    if (gonio_window_is_useful (image, &window))
      return window;
    g_free (window.lut);
  }
  window = base;
  if (window_from_values (d, &window) && gonio_window_is_useful (image, &window))
    return window;
  if (d->has_window || d->voi_lut.data) {
    guint lo = 0, hi = 0;

    gonio_image_percentiles (image, 0.005, 0.995, &lo, &hi);
    window = gonio_window_between (lo, hi, scale, offset);
  } else {
    window = gonio_window_full_range (image, scale, offset);
  }
  window.invert = base.invert;
  return window;
}
