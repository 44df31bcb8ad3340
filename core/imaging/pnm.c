/* Portable bit, grey and pixel maps (Netpbm P1 to P6): the first picture of the file. Depends on
 * base. */
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

typedef struct {
  const uint8_t *data;
  size_t size, at;
  char kind; /* '1' to '6' */
  guint width, height, most;
  guint channels;
} Pnm;

gboolean
gonio_pnm_detect (const uint8_t *head, size_t size)
{
  return size >= 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' &&
         (g_ascii_isspace (head[2]) || head[2] == '#');
}

static gboolean
damaged (GError **error)
{
  g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                       "the PNM picture is damaged or cut short. Copy the file again");
  return FALSE;
}

/* White space and comments, which reach to the end of their line. */
static void
skip_space (Pnm *p)
{
  gboolean comment = FALSE;

  for (; p->at < p->size; p->at++) {
    uint8_t c = p->data[p->at];

    if (comment ? c == '\n' : c == '#')
      comment = !comment;
    else if (!comment && !g_ascii_isspace (c))
      return;
  }
}

static gboolean
read_number (Pnm *p, guint most, guint *out)
{
  guint64 value = 0;
  size_t start = 0;

  skip_space (p);
  start = p->at;
  for (; p->at < p->size && g_ascii_isdigit (p->data[p->at]) && value <= most; p->at++)
    value = value * 10 + (guint64)(p->data[p->at] - '0');
  *out = (guint)value;
  return p->at > start && value <= most;
}

static gboolean
read_header (Pnm *p, GError **error)
{
  gboolean bits = p->kind == '1' || p->kind == '4';

  p->at = 2;
  p->most = 1;
  p->channels = p->kind == '3' || p->kind == '6' ? 3 : 1;
  if (!read_number (p, G_MAXINT32, &p->width) || !read_number (p, G_MAXINT32, &p->height) ||
      (!bits && !read_number (p, 65535, &p->most)) || p->most == 0)
    return damaged (error);
  p->at++; /* one space before binary data */
  return TRUE;
}

/* Bytes of the picture at least, so that little is allocated for short files. */
static gboolean
check_size (const Pnm *p, GError **error)
{
  guint64 samples = (guint64)p->width * p->height * p->channels;
  guint64 need = p->kind == '4'   ? (((guint64)p->width + 7) / 8) * p->height
                 : p->kind == '1' ? samples
                 : p->kind < '4'  ? samples * 2 - 1
                                  : samples * (p->most > 255 ? 2 : 1);

  return p->at <= p->size && p->size - p->at >= need ? TRUE : damaged (error);
}

/* Bits count 1 as black; in text they need no space between them. */
static gboolean
read_bit (Pnm *p, size_t row, guint x, guint *out)
{
  if (p->kind == '4') {
    *out = !((p->data[p->at + row * (((size_t)p->width + 7) / 8) + x / 8] >> (7 - x % 8)) & 1);
    return TRUE;
  }
  skip_space (p);
  if (p->at >= p->size || (p->data[p->at] != '0' && p->data[p->at] != '1'))
    return FALSE;
  *out = p->data[p->at++] == '0';
  return TRUE;
}

static gboolean
read_sample (Pnm *p, size_t row, guint x, guint *out)
{
  if (p->kind == '1' || p->kind == '4')
    return read_bit (p, row, x, out);
  if (p->kind < '4')
    return read_number (p, p->most, out);
  *out = p->data[p->at++];
  if (p->most > 255)
    *out = *out << 8 | p->data[p->at++];
  return *out <= p->most;
}

static gboolean
read_pixels (Pnm *p, gpointer pixels, GCancellable *cancellable, GError **error)
{
  guint top = p->channels == 1 ? 65535 : 255;
  uint16_t *levels = pixels;
  uint8_t *rgb = pixels;

  for (size_t y = 0, at = 0; y < p->height; y++) {
    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    for (guint x = 0; x < p->width * p->channels; x++, at++) {
      guint sample = 0;

      if (!read_sample (p, y, x, &sample))
        return damaged (error);
      sample = (guint)(((guint64)sample * top + p->most / 2) / p->most);
      if (p->channels == 1)
        levels[at] = (uint16_t)sample;
      else
        rgb[at] = (uint8_t)sample;
    }
  }
  return TRUE;
}

GonioImage *
gonio_pnm_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                GCancellable *cancellable, GError **error)
{
  GonioImageLimits l = gonio_limits_resolve (limits);
  GonioImageInfo info = {.frames = 1};
  g_autofree gpointer pixels = NULL;
  Pnm p = {0};

  p.data = g_bytes_get_data (bytes, &p.size);
  p.kind = (char)p.data[1];
  if (!gonio_frame_check (frame, 1, error) || !read_header (&p, error) ||
      !gonio_limits_check (&l, p.width, p.height, error) || !check_size (&p, error))
    return NULL;
  pixels = gonio_pixels_alloc (p.width, p.height, p.channels == 1 ? 2 : 3, error);
  if (!pixels || !read_pixels (&p, pixels, cancellable, error))
    return NULL;
  info.format = g_strdup ("PNM");
  return gonio_image_new (p.channels == 1 ? GONIO_PIXELS_GREY16 : GONIO_PIXELS_RGB8, p.width,
                          p.height, g_steal_pointer (&pixels), &info, NULL);
}
