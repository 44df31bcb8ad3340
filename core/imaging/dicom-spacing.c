/* Pixel spacing with its provenance (DICOM PS3.3 10.7.1): lengths on a projection radiograph
 * hold only where the magnification is known. Values are ordered row\column: the first is the
 * distance between rows. Depends on base.
 */
#include "core/imaging/dicom.h"

#include <math.h>

#define MAX_MM 100.0

static gboolean
is_given (const double spacing[2])
{
  return spacing[0] > 0 && spacing[1] > 0 && spacing[0] <= MAX_MM && spacing[1] <= MAX_MM;
}

static gboolean
is_same (const double a[2], const double b[2])
{
  return fabs (a[0] - b[0]) <= 1e-4 * b[0] && fabs (a[1] - b[1]) <= 1e-4 * b[1];
}

static GonioSpacing
spacing (const double mm[2], double factor, GonioSpacingSource source, const char *description)
{
  return (GonioSpacing){
      .row_mm = mm[0] * factor,
      .column_mm = mm[1] * factor,
      .source = source,
      .description = g_strdup (description),
  };
}

GonioSpacing
gonio_dicom_spacing (const GonioDicom *d)
{
  gboolean has_pixel = is_given (d->pixel_spacing), has_imager = is_given (d->imager_spacing);
  gboolean has_factor = d->magnification > 0.5 && d->magnification < 10;
  const char *type = d->calibration_type, *note = d->calibration_description;

  if (has_pixel && type && g_ascii_strcasecmp (type, "FIDUCIAL") == 0)
    return spacing (d->pixel_spacing, 1, GONIO_SPACING_FIDUCIAL, note);
  if (has_pixel && type && g_ascii_strcasecmp (type, "GEOMETRY") == 0)
    return spacing (d->pixel_spacing, 1, GONIO_SPACING_GEOMETRY, note);
  if (has_pixel && has_imager && !is_same (d->pixel_spacing, d->imager_spacing))
    return spacing (d->pixel_spacing, 1, GONIO_SPACING_GEOMETRY,
                    note ? note : "corrected by the device, method not stated");
  if (has_imager && has_factor)
    return spacing (d->imager_spacing, 1 / d->magnification, GONIO_SPACING_GEOMETRY,
                    "detector spacing divided by the estimated magnification factor");
  if (has_imager)
    return spacing (d->imager_spacing, 1, GONIO_SPACING_DETECTOR, note);
  if (has_pixel)
    return spacing (d->pixel_spacing, 1, GONIO_SPACING_UNKNOWN, note);
  if (is_given (d->scanned_spacing))
    return spacing (d->scanned_spacing, 1, GONIO_SPACING_DETECTOR, "scanned film");
  if (d->aspect[0] > 0 && d->aspect[1] > 0 && d->aspect[0] != d->aspect[1] &&
      d->aspect[0] / d->aspect[1] < 100 && d->aspect[1] / d->aspect[0] < 100)
    /* Not millimetres: only the shape of a pixel, which angles need. */
    return spacing (d->aspect, 1 / d->aspect[1], GONIO_SPACING_NONE, "pixel aspect ratio only");
  return (GonioSpacing){.source = GONIO_SPACING_NONE};
}
