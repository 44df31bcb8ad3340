/* JPEG by TurboJPEG: 8-bit grey becomes GREY16, colour RGB8; CMYK is converted without a
 * profile. Depends on base, libturbojpeg and libexif.
 */
#include "core/imaging/exif.h"
#include "core/imaging/formats.h"
#include "core/imaging/jpeg-markers.h"
#include "core/imaging/load-private.h"

#include <turbojpeg.h>

gboolean
gonio_jpeg_detect (const uint8_t *head, size_t size)
{
  return size >= 3 && head[0] == 0xFF && head[1] == 0xD8 && head[2] == 0xFF;
}

/* Damage that leaves every pixel right; whatever else libjpeg warns about does not. */
static gboolean
is_harmless (const char *warning)
{
  static const char *const harmless[] = {"extraneous bytes before marker", "Invalid SOS parameters",
                                         "Unknown Adobe color transform", "JFIF major revision"};

  for (guint i = 0; i < G_N_ELEMENTS (harmless); i++)
    if (strstr (warning, harmless[i]))
      return TRUE;
  return FALSE;
}

static void
set_decode_error (const char *message, GError **error)
{
  if (strstr (message, "Premature end"))
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the file ends in the middle of the picture. Copy it again");
  else if (strstr (message, "subsampling type"))
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                         "the JPEG data use an unusual colour subsampling that is not read. "
                         "Export the image as PNG or ordinary JPEG");
  else
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the JPEG data are damaged (%s). Copy or export the file again", message);
}

/* Stops at the first warning; goes on past it only when it is harmless. */
static gboolean
decompress (tjhandle handle, const uint8_t *data, size_t size, guint width, guint height,
            int pixel_format, uint8_t *out, GError **error)
{
  int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING;

  for (guint attempt = 0; attempt < 2; attempt++) {
    const char *message = NULL;

    if (tjDecompress2 (handle, data, (unsigned long)size, out, (int)width, 0, (int)height,
                       pixel_format, flags) == 0)
      return TRUE;
    message = tjGetErrorStr2 (handle);
    if (!is_harmless (message)) {
      set_decode_error (message, error);
      return FALSE;
    }
    if (attempt == 1)
      return TRUE; /* nothing worse than the harmless warning came after it */
    flags &= ~TJFLAG_STOPONWARNING;
  }
  return FALSE;
}

/* Adobe stores CMYK inverted, so that 255 is no ink; TurboJPEG hands it over as stored. */
static void
cmyk_to_rgb (const uint8_t *in, uint8_t *out, size_t n)
{
  for (size_t i = 0; i < n; i++, in += 4, out += 3)
    for (guint c = 0; c < 3; c++)
      out[c] = (uint8_t)((in[c] * in[3] + 127u) / 255u);
}

/* Pixels in the given format (transfer full), or NULL. */
static gpointer
decode_pixels (tjhandle handle, const uint8_t *data, size_t size, guint w, guint h, int colorspace,
               GError **error)
{
  gboolean grey = colorspace == TJCS_GRAY;
  gboolean cmyk = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  size_t n = (size_t)w * h;
  g_autofree uint8_t *pixels = gonio_pixels_alloc (w, h, grey ? 2 : 3, error);
  g_autofree uint8_t *inks = cmyk ? gonio_pixels_alloc (w, h, 4, error) : NULL;
  uint8_t *target = NULL;

  if (!pixels || (cmyk && !inks))
    return NULL;
  target = grey ? pixels + n : cmyk ? inks : pixels;
  if (!decompress (handle, data, size, w, h,
                   grey   ? TJPF_GRAY
                   : cmyk ? TJPF_CMYK
                          : TJPF_RGB,
                   target, error))
    return NULL;
  if (grey)
    gonio_pixels_widen (pixels, n);
  if (cmyk)
    cmyk_to_rgb (inks, pixels, n);
  return g_steal_pointer (&pixels);
}

static GonioImage *
load_with (tjhandle handle, GBytes *bytes, const GonioJpegMarkers *markers, GError **error)
{
  size_t size = 0;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  int w = -1, h = -1, subsampling = -1, colorspace = -1;
  guint width = 0, height = 0;
  GonioExif exif = {.orientation = 1};
  GonioImageInfo info = {0};
  GonioPixels format = GONIO_PIXELS_RGB8;
  g_autofree gpointer pixels = NULL;
  GonioImage *image = NULL;

  if (tjDecompressHeader3 (handle, data, (unsigned long)size, &w, &h, &subsampling, &colorspace) !=
          0 &&
      !(is_harmless (tjGetErrorStr2 (handle)) && w > 0 && h > 0 && colorspace >= 0)) {
    set_decode_error (tjGetErrorStr2 (handle), error);
    return NULL;
  }
  width = (guint)w;
  height = (guint)h;
  if (width != markers->width || height != markers->height) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the JPEG data contain two frame headers that contradict each other. "
                         "Export the image again");
    return NULL;
  }
  pixels = decode_pixels (handle, data, size, width, height, colorspace, error);
  if (!pixels)
    return NULL;
  if (markers->exif)
    exif = gonio_exif_read (markers->exif, markers->exif_size);
  format = colorspace == TJCS_GRAY ? GONIO_PIXELS_GREY16 : GONIO_PIXELS_RGB8;
  if (!gonio_pixels_orient (format, &pixels, &width, &height, exif.orientation, error))
    return NULL;
  info = (GonioImageInfo){
      .format = g_strdup ("JPEG"),
      .frames = 1,
      .is_photo = exif.is_camera,
      .exif_orientation = exif.orientation,
      .focal_35mm = gonio_exif_focal (&exif, width, height),
  };
  image = gonio_image_new (format, width, height, g_steal_pointer (&pixels), &info, NULL);
  if (format == GONIO_PIXELS_GREY16)
    gonio_image_set_grey_window (image, 8);
  return image;
}

static gboolean
check_kind (const GonioJpegMarkers *markers, GError **error)
{
  const char *what = NULL;

  if (markers->sof == 0xF7)
    what = "JPEG-LS";
  else if (markers->sof == 0xC3 || markers->sof == 0xCB)
    what = "lossless JPEG";
  else if (markers->sof >= 0xC5 && markers->sof != 0xC9 && markers->sof != 0xCA)
    what = "hierarchical JPEG";
  else if (markers->precision != 8)
    what = "JPEG with more than 8 bits";
  if (!what)
    return TRUE;
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
               "%s outside DICOM is not read. Export the image as DICOM, PNG or ordinary JPEG",
               what);
  return FALSE;
}

GonioImage *
gonio_jpeg_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                 GCancellable *cancellable, GError **error)
{
  size_t size = 0;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  GonioJpegMarkers markers = {0};
  tjhandle handle = NULL;
  GonioImage *image = NULL;

  if (!gonio_frame_check (frame, 1, error) ||
      !gonio_jpeg_markers_read (data, size, &markers, error) || !check_kind (&markers, error) ||
      !gonio_jpeg_markers_check (&markers, limits, error))
    return NULL;
  handle = tjInitDecompress ();
  if (!handle) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                         "the JPEG library could not be started: memory is short");
    return NULL;
  }
  image = load_with (handle, bytes, &markers, error);
  tjDestroy (handle);
  return image;
}
