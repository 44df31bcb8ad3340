/* Makes a photo of a film. Depends on imaging, TurboJPEG. */
#include "tests/bench/photo.h"

#include "core/imaging/image.h"
#include "core/imaging/transform.h"

#include <turbojpeg.h>

enum { WIDTH = 4032, HEIGHT = 3024 };

/* Outline of the film in the photo; its tilt is some 14 degrees. */
static const GonioPoint corners[4] = {{700, 420}, {3350, 300}, {3500, 2650}, {520, 2480}};

static guint32
next_random (guint32 *state)
{
  return *state = *state * 1664525u + 1013904223u;
}

/* -8..8, more often near 0. */
static int
noise (guint32 *state)
{
  guint32 r = next_random (state) >> 8;
  return (int)(r % 5 + r / 5 % 5 + r / 25 % 5 + r / 125 % 5) - 8;
}

static gboolean
on_film (double x, double y)
{
  for (guint i = 0; i < 4; i++) {
    GonioPoint a = corners[i], b = corners[(i + 1) % 4];
    if ((b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x) < 0)
      return FALSE;
  }
  return TRUE;
}

static uint8_t *
paint (const uint8_t *film)
{
  static const int table[3] = {90, 75, 60};
  uint8_t *rgb = g_malloc ((size_t)WIDTH * HEIGHT * 3);
  guint32 state = 7;
  for (size_t y = 0; y < HEIGHT; y++)
    for (size_t x = 0; x < WIDTH; x++) {
      gboolean inside = on_film ((double)x, (double)y);
      guint32 cell = (guint32)(y / 8 * 1000 + x / 8) * 2654435761u;
      for (size_t c = 0; c < 3; c++) {
        int v = inside ? 12 + film[y * WIDTH + x] * 9 / 10 : table[c] + (int)(cell >> 27) - 16;
        rgb[(y * WIDTH + x) * 3 + c] = (uint8_t)CLAMP (v + noise (&state), 0, 255);
      }
    }
  return rgb;
}

static gboolean
write_jpeg (const uint8_t *rgb, const char *path, GError **error)
{
  tjhandle jpeg = tjInitCompress ();
  unsigned char *data = NULL;
  unsigned long size = 0;
  gboolean done = jpeg != NULL && tjCompress2 (jpeg, rgb, WIDTH, 0, HEIGHT, TJPF_RGB, &data, &size,
                                               TJSAMP_420, 92, 0) == 0;
  if (!done)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The photo cannot be packed: %s.",
                 tjGetErrorStr2 (jpeg));
  done = done && g_file_set_contents (path, (const char *)data, (gssize)size, error);
  tjFree (data);
  if (jpeg != NULL)
    tjDestroy (jpeg);
  return done;
}

gboolean
gonio_bench_photo (const char *film_path, const char *out_path, GError **error)
{
  g_autoptr (GonioImage) film = gonio_image_load (film_path, 0, NULL, NULL, error);
  if (film == NULL)
    return FALSE;
  g_autoptr (GonioTransform) flatten = gonio_transform_new_quad (corners, gonio_image_width (film),
                                                                 gonio_image_height (film), error);
  if (flatten == NULL)
    return FALSE;
  g_autoptr (GonioTransform) to_photo = gonio_transform_invert (flatten);
  g_autoptr (GonioImage) photo = gonio_image_transform (film, to_photo, WIDTH, HEIGHT, NULL, error);
  if (photo == NULL)
    return FALSE;
  g_autofree uint8_t *grey = gonio_image_render_grey8 (photo, gonio_image_window (photo));
  g_autofree uint8_t *rgb = paint (grey);
  return write_jpeg (rgb, out_path, error);
}
