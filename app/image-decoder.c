/* What models that decode pictures are given: core/imaging. Depends on imaging and the
 * reference backend. */
#include "app/image-decoder.h"

#include "backends/reference/reference.h"
#include "core/imaging/plain.h"

/* A model must not make pictures larger than any it could have use for. */
#define MAX_PIXELS ((guint64)1 << 28)

static uint8_t *
decode (GBytes *file, gboolean grey, guint *out_width, guint *out_height, GError **error)
{
  const GonioImageLimits limits = {.max_pixels = MAX_PIXELS};

  return gonio_plain_decode (file, grey, &limits, out_width, out_height, error);
}

void
gonio_image_decoder_install (void)
{
  gonio_reference_set_image_decoder (decode);
}
