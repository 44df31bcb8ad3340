/* The table of formats, recognition by content, and reading a file from disk.
 * Depends on base and GIO.
 */
#include "core/imaging/formats.h"

#include "core/imaging/load-private.h"

#define HEAD_BYTES 4096
#define READ_CHUNK ((size_t)4 << 20)

/* DICOM stands first: its 128-byte preamble may hold the header of a TIFF file. */
static const GonioImageFormat formats[] = {
    {"DICOM", gonio_dicom_detect, gonio_dicom_load}, {"PNG", gonio_png_detect, gonio_png_load},
    {"JPEG", gonio_jpeg_detect, gonio_jpeg_load},    {"HEIF", gonio_heif_detect, gonio_heif_load},
    {"TIFF", gonio_tiff_detect, gonio_tiff_load},    {NULL, NULL, NULL},
};

const GonioImageFormat *
gonio_image_formats (void)
{
  return formats;
}

/* Files that people drop by mistake, so that the message can say what they are. */
static const struct {
  guint offset;
  const char *magic;
  guint length;
  const char *what;
} foreign[] = {
    {0, "%PDF", 4, "a PDF document"},
    {0, "PK\003\004", 4, "a ZIP archive or office document"},
    {0, "GIF8", 4, "a GIF picture"},
    {0, "BM", 2, "a BMP picture"},
    {8, "WEBP", 4, "a WebP picture"},
    {0, "\037\213", 2, "a gzip archive"},
    {0, "7z\274\257\047\034", 6, "a 7z archive"},
    {0, "Rar!", 4, "a RAR archive"},
    {0, "(\265/\375", 4, "a zstd archive"},
    {4, "ftyp", 4, "a video"},
    {0, "\000\000\000\014jP  ", 8, "a JPEG 2000 picture"},
    {0, "\377\117\377\121", 4, "a JPEG 2000 codestream"},
    {0,
     "\x7f"
     "ELF",
     4, "a program"},
    {0, "MZ", 2, "a program"},
    {0, "SQLite format 3", 15, "a database"},
    {0, "<?xml", 5, "an XML text"},
    {0, "<!DOCTYPE", 9, "a web page"},
    {0, "<html", 5, "a web page"},
};

static const char *
foreign_name (const uint8_t *head, size_t size)
{
  for (guint i = 0; i < G_N_ELEMENTS (foreign); i++)
    if (size >= foreign[i].offset + foreign[i].length &&
        memcmp (head + foreign[i].offset, foreign[i].magic, foreign[i].length) == 0)
      return foreign[i].what;
  return g_utf8_validate ((const char *)head, (gssize)size, NULL) ? "a text" : NULL;
}

gboolean
gonio_frame_check (guint frame, guint frames, GError **error)
{
  if (frame < frames)
    return TRUE;
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
               "frame %u was asked for, but the file has only %u", frame + 1, frames);
  return FALSE;
}

/* Refuses what is no regular file, so that reading cannot block on a pipe or device. */
static gboolean
check_file (GFile *file, size_t max_bytes, guint64 *out_size, GCancellable *cancellable,
            GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GFileInfo) info =
      g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_TYPE "," G_FILE_ATTRIBUTE_STANDARD_SIZE,
                         G_FILE_QUERY_INFO_NONE, cancellable, &failure);

  if (!info) {
    if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      g_propagate_error (error, g_steal_pointer (&failure));
    else if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
      g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_IO,
                           "the file does not exist. Check its name and place");
    else
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_IO,
                   "the file cannot be read (%s). Check that you may open it", failure->message);
    return FALSE;
  }
  if (g_file_info_get_file_type (info) != G_FILE_TYPE_REGULAR) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_IO, "this is %s, not a file. %s",
                 g_file_info_get_file_type (info) == G_FILE_TYPE_DIRECTORY ? "a folder"
                                                                           : "a device or pipe",
                 "Give the image files in it");
    return FALSE;
  }
  *out_size = (guint64)g_file_info_get_size (info);
  if (*out_size > max_bytes) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "the file is too large: %.1f MB; at most %.1f MB are read. Export a single image",
                 *out_size / 1e6, max_bytes / 1e6);
    return FALSE;
  }
  return TRUE;
}

static GBytes *
read_file (GFile *file, size_t max_bytes, GCancellable *cancellable, GError **error)
{
  guint64 size = 0;
  size_t used = 0;
  g_autofree uint8_t *data = NULL;
  g_autoptr (GError) failure = NULL;
  g_autoptr (GFileInputStream) stream = NULL;

  if (!check_file (file, max_bytes, &size, cancellable, error))
    return NULL;
  data = g_try_malloc (MAX (size, 1));
  if (!data) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "there is not enough memory to read the file (%.1f MB). Close other programs",
                 size / 1e6);
    return NULL;
  }
  stream = g_file_read (file, cancellable, &failure);
  while (stream && used < size) {
    gssize n = g_input_stream_read (G_INPUT_STREAM (stream), data + used,
                                    MIN (READ_CHUNK, size - used), cancellable, &failure);

    if (n <= 0)
      break; /* error, or the file became shorter while it was read */
    used += (size_t)n;
  }
  if (failure) {
    if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      g_propagate_error (error, g_steal_pointer (&failure));
    else
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_IO,
                   "the file cannot be read (%s). Check that you may open it", failure->message);
    return NULL;
  }
  return g_bytes_new_take (g_steal_pointer (&data), used);
}

static GonioImage *
load_bytes (GBytes *bytes, guint frame, const GonioImageLimits *limits, GCancellable *cancellable,
            GError **error)
{
  size_t size = 0;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  size_t head = MIN (size, HEAD_BYTES);
  const char *what = NULL;

  if (size == 0) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the file is empty. Copy it again");
    return NULL;
  }
  for (const GonioImageFormat *f = formats; f->name; f++)
    if (f->detect (data, head))
      return f->load (bytes, frame, limits, cancellable, error);
  what = foreign_name (data, head);
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE,
               "this is %s, which cannot be read as an X-ray image. "
               "Use DICOM, PNG, JPEG, HEIC or TIFF",
               what ? what : "a file of unknown kind");
  return NULL;
}

GonioImage *
gonio_image_load (const char *path, guint frame, const GonioImageLimits *limits,
                  GCancellable *cancellable, GError **error)
{
  GonioImageLimits resolved = gonio_limits_resolve (limits);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autofree char *name = g_filename_display_basename (path);
  g_autoptr (GBytes) bytes = NULL;
  GonioImage *image = NULL;
  GError *failure = NULL;

  bytes = read_file (file, resolved.max_file_bytes, cancellable, &failure);
  if (bytes && !g_cancellable_set_error_if_cancelled (cancellable, &failure))
    image = load_bytes (bytes, frame, &resolved, cancellable, &failure);
  if (!image)
    g_propagate_prefixed_error (error, failure, "%s: ", name);
  return image;
}
