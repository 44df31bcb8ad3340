/* Windows bitmaps without compression: 1, 4 and 8 bits with a palette, 24 and 32 bits. All come
 * out as RGB8. Depends on base. */
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

#define FILE_HEADER 14
#define CORE_HEADER 12 /* OS/2: 16-bit sizes, palette of three bytes */
#define INFO_HEADER 40

typedef struct {
  const uint8_t *data;
  size_t size, start; /* of the pixels */
  guint width, height, bits;
  gboolean from_top;
  const uint8_t *palette;
  guint n_colours, colour_bytes;
} Bmp;

static guint
le16 (const uint8_t *at)
{
  return at[0] | (guint)at[1] << 8;
}

static guint
le32 (const uint8_t *at)
{
  return le16 (at) | le16 (at + 2) << 16;
}

gboolean
gonio_bmp_detect (const uint8_t *head, size_t size)
{
  return size >= FILE_HEADER + CORE_HEADER && head[0] == 'B' && head[1] == 'M' &&
         (le32 (head + FILE_HEADER) == CORE_HEADER ||
          (le32 (head + FILE_HEADER) >= INFO_HEADER && le32 (head + FILE_HEADER) <= 256));
}

static gboolean
damaged (GError **error)
{
  g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                       "the BMP picture is damaged or cut short. Copy the file again");
  return FALSE;
}

static gboolean
unsupported (const Bmp *b, guint compression, GError **error)
{
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
               "BMP with %u bits and compression %u is not read. Export it as PNG", b->bits,
               compression);
  return FALSE;
}

/* The usual order of bytes: blue, green, red. */
static gboolean
has_usual_masks (const Bmp *b)
{
  const uint8_t *masks = b->data + FILE_HEADER + INFO_HEADER;

  return b->size >= FILE_HEADER + INFO_HEADER + 12 && le32 (masks) == 0xff0000 &&
         le32 (masks + 4) == 0xff00 && le32 (masks + 8) == 0xff;
}

static gboolean
read_info_header (Bmp *b, GError **error)
{
  const uint8_t *h = b->data + FILE_HEADER;
  guint compression = 0;

  if (b->size < FILE_HEADER + INFO_HEADER)
    return damaged (error);
  guint height = le32 (h + 8);
  b->width = le32 (h + 4);
  b->from_top = height >> 31;
  b->height = b->from_top ? 0u - height : height;
  b->bits = le16 (h + 14);
  compression = le32 (h + 16);
  b->n_colours = le32 (h + 32);
  b->colour_bytes = 4;
  if (compression != 0 && !(compression == 3 && b->bits == 32 && has_usual_masks (b)))
    return unsupported (b, compression, error);
  return TRUE;
}

static gboolean
read_header (Bmp *b, GError **error)
{
  const uint8_t *h = b->data + FILE_HEADER;
  size_t header = le32 (h);

  b->start = le32 (b->data + 10);
  if (header == CORE_HEADER) {
    b->width = le16 (h + 4);
    b->height = le16 (h + 6);
    b->bits = le16 (h + 10);
    b->colour_bytes = 3;
  } else if (!read_info_header (b, error)) {
    return FALSE;
  }
  if (b->bits == 24 || b->bits == 32)
    return TRUE;
  if (b->bits != 1 && b->bits != 4 && b->bits != 8)
    return unsupported (b, 0, error);
  if (b->n_colours == 0 || b->n_colours > 1u << b->bits)
    b->n_colours = 1u << b->bits;
  b->palette = b->data + FILE_HEADER + header;
  if (b->size - FILE_HEADER < header ||
      b->size - FILE_HEADER - header < (size_t)b->n_colours * b->colour_bytes)
    return damaged (error);
  return TRUE;
}

/* One row; indices beyond the palette are black. */
static void
read_row (const Bmp *b, const uint8_t *row, uint8_t *out)
{
  static const uint8_t black[3] = {0};

  for (guint x = 0; x < b->width; x++, out += 3) {
    const uint8_t *bgr = NULL;

    if (b->bits >= 24) {
      bgr = row + (size_t)x * (b->bits / 8);
    } else {
      guint per_byte = 8 / b->bits;
      guint shift = 8 - b->bits * (x % per_byte + 1);
      guint index = (guint)(row[x / per_byte] >> shift) & ((1u << b->bits) - 1);
      bgr = index < b->n_colours ? b->palette + (size_t)index * b->colour_bytes : black;
    }
    out[0] = bgr[2];
    out[1] = bgr[1];
    out[2] = bgr[0];
  }
}

GonioImage *
gonio_bmp_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                GCancellable *cancellable, GError **error)
{
  GonioImageLimits l = gonio_limits_resolve (limits);
  GonioImageInfo info = {.frames = 1};
  uint8_t *pixels = NULL;
  guint64 stride = 0;
  Bmp b = {0};

  b.data = g_bytes_get_data (bytes, &b.size);
  if (!gonio_frame_check (frame, 1, error) || !read_header (&b, error) ||
      !gonio_limits_check (&l, b.width, b.height, error))
    return NULL;
  stride = ((guint64)b.width * b.bits + 31) / 32 * 4; /* rows end on four bytes */
  if (b.start > b.size || b.size - b.start < stride * b.height) {
    damaged (error);
    return NULL;
  }
  pixels = gonio_pixels_alloc (b.width, b.height, 3, error);
  for (guint y = 0; pixels && y < b.height; y++) {
    guint from = b.from_top ? y : b.height - 1 - y;

    read_row (&b, b.data + b.start + stride * from, pixels + (size_t)y * b.width * 3);
  }
  if (!pixels)
    return NULL;
  info.format = g_strdup ("BMP");
  return gonio_image_new (GONIO_PIXELS_RGB8, b.width, b.height, pixels, &info, NULL);
}
