/* Whatever the bytes: reading them as a picture ends in an image or one error, in bounded time
 * and memory, and the image can be shown and resampled. */
#include "core/base/error.h"
#include "core/imaging/image.h"
#include "core/imaging/plain.h"
#include "core/imaging/transform.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
use (GonioImage *image)
{
  GonioWindow window = gonio_image_auto_window (image);
  g_autofree uint8_t *grey = gonio_image_render_grey8 (image, &window);
  g_autoptr (GonioImage) thumbnail = gonio_image_thumbnail (image, 64);
  g_autoptr (GonioTransform) identity = gonio_transform_new_identity ();
  float samples[16 * 16] = {0};

  g_assert_true (gonio_image_sample_float (image, NULL, identity, 16, 16, 0, samples, NULL));
  g_assert_nonnull (grey);
  g_assert_cmpuint (gonio_image_width (thumbnail), >, 0);
}

/* The same bytes as models that decode pictures see them. */
static void
decode_plain (GBytes *bytes, const GonioImageLimits *limits)
{
  g_autoptr (GError) error = NULL;
  guint width = 0, height = 0;
  g_autofree uint8_t *pixels =
      gonio_plain_decode (bytes, g_bytes_get_size (bytes) & 1, limits, &width, &height, &error);

  g_assert_true ((pixels == NULL) == (error != NULL));
  g_assert_true (!error || error->domain == GONIO_IMAGE_ERROR);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const GonioImageLimits limits = {.max_pixels = 4 << 20, .max_edge = 16384};
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);

  for (const GonioImageFormat *f = gonio_image_formats (); f->name; f++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioImage) image = NULL;

    if (!f->detect (data, MIN (size, 4096)))
      continue;
    image = f->load (bytes, 0, &limits, NULL, &error);
    g_assert_true ((image == NULL) == (error != NULL));
    g_assert_true (!error || error->domain == GONIO_IMAGE_ERROR);
    if (image)
      use (image);
    break;
  }
  decode_plain (bytes, &limits);
  return 0;
}
