/* Reading a DICOM file: recognition, what kind of object it is, and the order of the steps.
 * Depends on base.
 */
#include "core/imaging/dicom.h"

#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

void
gonio_dicom_clear (GonioDicom *d)
{
  gonio_image_info_clear (&d->info);
  g_clear_pointer (&d->transfer_syntax_uid, g_free);
  g_clear_pointer (&d->sop_class_uid, g_free);
  g_clear_pointer (&d->modality_lut.data, g_free);
  g_clear_pointer (&d->voi_lut.data, g_free);
  for (guint c = 0; c < 3; c++)
    g_clear_pointer (&d->palette[c].data, g_free);
  g_clear_pointer (&d->voi_function, g_free);
  g_clear_pointer (&d->presentation_shape, g_free);
  g_clear_pointer (&d->calibration_type, g_free);
  g_clear_pointer (&d->calibration_description, g_free);
}

/* ---- recognition ---- */

static gboolean
is_vr (const uint8_t *p)
{
  static const char vrs[] = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS "
                            "ST SV TM UC UI UL UN UR US UT UV ";

  for (const char *v = vrs; *v; v += 3)
    if (memcmp (p, v, 2) == 0)
      return TRUE;
  return FALSE;
}

/* A data set without preamble starts with a low even group and either a value representation or,
 * in implicit form, a short even length. */
static gboolean
looks_like_dataset (const uint8_t *p, size_t size)
{
  guint16 group_le = 0, group_be = 0;
  guint32 length = 0;

  if (size < 16)
    return FALSE;
  group_le = (guint16)(p[0] | p[1] << 8);
  group_be = (guint16)(p[0] << 8 | p[1]);
  if (group_le != 2 && group_le != 8 && group_be != 2 && group_be != 8)
    return FALSE;
  if (is_vr (p + 4))
    return TRUE;
  length = (guint32)p[4] | (guint32)p[5] << 8 | (guint32)p[6] << 16 | (guint32)p[7] << 24;
  return (group_le == 2 || group_le == 8) && p[3] < 0x40 && length % 2 == 0 && length < 1024;
}

gboolean
gonio_dicom_detect (const uint8_t *head, size_t size)
{
  if (size >= 132 && memcmp (head + 128, "DICM", 4) == 0)
    return TRUE;
  return looks_like_dataset (head, size);
}

/* ---- what is not a picture ---- */

/* SOP class UIDs below 1.2.840.10008.5.1.4.1.1 (longest match wins by order) and elsewhere. */
static const struct {
  const char *prefix;
  const char *what;
} other_objects[] = {
    {"1.2.840.10008.1.3.10", "an index of a DICOM folder (DICOMDIR). Open the images it lists"},
    {"1.2.840.10008.5.1.4.1.1.11.",
     "a presentation state (display settings for another image). Open that image"},
    {"1.2.840.10008.5.1.4.1.1.88.59", "a list of selected images. Open the images it names"},
    {"1.2.840.10008.5.1.4.1.1.88.", "a structured report. Open the image it reports on"},
    {"1.2.840.10008.5.1.4.1.1.104.", "an encapsulated document, such as a PDF. Open the image"},
    {"1.2.840.10008.5.1.4.1.1.9.", "a waveform, such as an ECG. Open an image"},
    {"1.2.840.10008.5.1.4.1.1.481.3", "a set of contours for radiotherapy. Open the image itself"},
    {"1.2.840.10008.5.1.4.1.1.481.", "a radiotherapy plan or record. Open the image itself"},
    {"1.2.840.10008.5.1.4.1.1.66.4", "a segmentation. Open the image it belongs to"},
    {"1.2.840.10008.5.1.4.1.1.66.", "a registration or raw data object. Open the image itself"},
    {"1.2.840.10008.5.1.4.1.1.30", "a parametric map. Open the image it was made from"},
};

static void
set_not_image (const GonioDicom *d, GError **error)
{
  const char *uid = d->sop_class_uid ? d->sop_class_uid : "";

  if (d->is_directory)
    uid = other_objects[0].prefix;
  for (guint i = 0; i < G_N_ELEMENTS (other_objects); i++) {
    if (g_str_has_prefix (uid, other_objects[i].prefix)) {
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE,
                   "this is not an image but %s", other_objects[i].what);
      return;
    }
  }
  if (d->info.sop_class || d->info.modality)
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE,
                 "this DICOM file (%s) holds no pixel data. Send the image again",
                 d->info.sop_class ? d->info.sop_class : d->info.modality);
  else
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE,
                         "this DICOM file holds neither pixel data nor says what it is. "
                         "Send the image again");
}

static gboolean
check_is_image (const GonioDicom *d, GError **error)
{
  if (!d->has_pixels && d->has_float_pixels) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE,
                         "this is a map of floating-point values, not an X-ray image. Open the "
                         "image it was made from");
    return FALSE;
  }
  if (!d->has_pixels || d->is_directory) {
    set_not_image (d, error);
    return FALSE;
  }
  if (d->codec == GONIO_DICOM_OTHER) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                 "the pixels are stored as %s, which is not read. Send the image uncompressed or "
                 "as JPEG",
                 d->info.transfer_syntax);
    return FALSE;
  }
  return TRUE;
}

/* Attributes that real files get wrong without meaning it. */
static void
normalise (GonioDicom *d)
{
  if (d->samples == 0)
    d->samples = 1;
  if (d->bits_stored == 0 || d->bits_stored > d->bits_allocated)
    d->bits_stored = d->bits_allocated;
  if (d->high_bit + 1 < d->bits_stored || d->high_bit >= d->bits_allocated)
    d->high_bit = d->bits_stored - 1;
  if (!d->info.photometric)
    d->info.photometric = g_strdup (d->samples == 3 ? "RGB" : "MONOCHROME2");
  if (d->slope == 0)
    d->slope = 1;
}

GonioImage *
gonio_dicom_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                  GCancellable *cancellable, GError **error)
{
  g_autoptr (GonioDicomFile) file = gonio_dicom_file_open (bytes, cancellable, error);
  g_auto (GonioDicom) d = {0};
  g_auto (GonioDicomRaster) raster = {0};

  if (!file)
    return NULL;
  gonio_dicom_describe (file, frame, &d);
  if (!check_is_image (&d, error))
    return NULL;
  normalise (&d);
  if (!gonio_dicom_decode (file, &d, frame, limits, &raster, error) ||
      g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  return gonio_dicom_picture (&d, &raster, error);
}
