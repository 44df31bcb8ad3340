/* The list of shapes. */
#include "tests/bench/shapes.h"

#define CONV(from, in, out, size, kernel, stride)                                                  \
  {                                                                                                \
    from, BENCH_SHAPE_CONV, in, out, size, size, kernel, stride, 1                                 \
  }
#define DEPTHWISE(from, channels, size, kernel, stride)                                            \
  {                                                                                                \
    from, BENCH_SHAPE_CONV, channels, channels, size, size, kernel, stride, channels               \
  }
#define TRANSPOSED(from, in, out, size)                                                            \
  {                                                                                                \
    from, BENCH_SHAPE_TRANSPOSED, in, out, size, size, 2, 2, 1                                     \
  }
#define LINEAR(from, rows, in, out)                                                                \
  {                                                                                                \
    from, BENCH_SHAPE_LINEAR, in, out, rows, 1, 1, 1, 1                                            \
  }
#define PRODUCT(from, count, rows, in, out)                                                        \
  {                                                                                                \
    from, BENCH_SHAPE_PRODUCT, in, out, rows, 1, 1, 1, count                                       \
  }

const BenchShape bench_shapes[] = {
    /* first layers */
    CONV ("keypoint_unet", 1, 32, 512, 3, 2),
    CONV ("unet32", 3, 32, 256, 3, 1),
    CONV ("hrnet_w18_small", 3, 64, 256, 3, 2),
    CONV ("mobilenet_v2", 3, 32, 224, 3, 2),
    CONV ("yolov8n_like", 3, 16, 640, 3, 2),
    CONV ("blazeface_like", 3, 24, 128, 5, 2),
    CONV ("resnet50", 3, 64, 224, 7, 2),
    /* 3x3 */
    CONV ("dewarp_unet", 16, 16, 256, 3, 1),
    CONV ("unet32", 32, 32, 256, 3, 1),
    CONV ("unet32", 64, 32, 256, 3, 1),
    CONV ("unet32", 64, 64, 128, 3, 1),
    CONV ("unet32", 128, 128, 64, 3, 1),
    CONV ("unet32", 512, 256, 32, 3, 1),
    CONV ("unet32", 512, 512, 16, 3, 1),
    CONV ("keypoint_unet", 48, 48, 128, 3, 1),
    CONV ("hrnet_w18_small", 18, 18, 64, 3, 1),
    CONV ("hrnet_w18_small", 36, 36, 32, 3, 1),
    CONV ("hrnet_w18_small", 72, 72, 16, 3, 1),
    CONV ("hrnet_w18_small", 144, 144, 8, 3, 1),
    CONV ("hrnet_w18_small", 256, 18, 64, 3, 1),
    CONV ("densenet121", 128, 32, 56, 3, 1),
    CONV ("resnet50", 64, 64, 56, 3, 1),
    CONV ("resnet50", 256, 256, 14, 3, 1),
    CONV ("resnet50", 512, 512, 7, 3, 1),
    CONV ("yolov8n_like", 80, 80, 80, 3, 1),
    /* strided */
    CONV ("hrnet_w18_small", 64, 64, 128, 3, 2),
    CONV ("yolov8n_like", 16, 32, 320, 3, 2),
    CONV ("yolov8n_like", 128, 256, 40, 3, 2),
    CONV ("resnet50", 256, 512, 56, 1, 2),
    /* 1x1 */
    CONV ("blazeface_like", 24, 28, 64, 1, 1),
    CONV ("mobilenet_v2", 16, 96, 112, 1, 1),
    CONV ("mobilenet_v2", 24, 144, 56, 1, 1),
    CONV ("mobilenet_v2", 160, 960, 7, 1, 1),
    CONV ("keypoint_unet", 96, 576, 32, 1, 1),
    CONV ("keypoint_unet", 576, 96, 32, 1, 1),
    CONV ("hrnet_w18_small", 64, 256, 64, 1, 1),
    CONV ("resnet50", 64, 256, 56, 1, 1),
    CONV ("resnet50", 1024, 256, 14, 1, 1),
    CONV ("posenet_mnv1", 512, 512, 17, 1, 1),
    CONV ("shufflenet_v2", 464, 1024, 7, 1, 1),
    CONV ("unet32", 32, 2, 256, 1, 1),
    /* one channel at a time */
    DEPTHWISE ("blazeface_like", 24, 64, 5, 1),
    DEPTHWISE ("keypoint_unet", 96, 256, 3, 2),
    DEPTHWISE ("keypoint_unet", 144, 128, 3, 1),
    DEPTHWISE ("mobilenet_v2", 144, 56, 3, 1),
    DEPTHWISE ("mobilenet_v2", 960, 7, 3, 1),
    DEPTHWISE ("efficientnet_b0", 672, 14, 5, 1),
    DEPTHWISE ("shufflenet_v2", 116, 28, 3, 2),
    /* transposed */
    TRANSPOSED ("unet32", 512, 256, 16),
    TRANSPOSED ("unet32", 128, 64, 64),
    TRANSPOSED ("unet32", 64, 32, 128),
    /* matrices */
    LINEAR ("distilbert_like", 128, 768, 768),
    LINEAR ("distilbert_like", 128, 768, 3072),
    LINEAR ("distilbert_like", 128, 3072, 768),
    LINEAR ("resnet50", 1, 2048, 1000),
    PRODUCT ("distilbert_like", 12, 128, 64, 128),
    PRODUCT ("distilbert_like", 12, 128, 128, 64),
};
const guint bench_n_shapes = G_N_ELEMENTS (bench_shapes);

static gint64
along (const BenchShape *c, gint64 length)
{
  if (c->kind == BENCH_SHAPE_TRANSPOSED)
    return (length - 1) * c->stride + c->kernel;
  return (length + 2 * (c->kernel / 2) - c->kernel) / c->stride + 1;
}

gint64
bench_shape_height (const BenchShape *c)
{
  return along (c, c->height);
}

gint64
bench_shape_width (const BenchShape *c)
{
  return along (c, c->width);
}

double
bench_shape_flops (const BenchShape *c)
{
  if (c->kind == BENCH_SHAPE_PRODUCT)
    return 2.0 * (double)(c->groups * c->height) * (double)(c->channels_in * c->channels_out);
  gint64 pixels = c->kind == BENCH_SHAPE_TRANSPOSED
                      ? c->height * c->width
                      : bench_shape_height (c) * bench_shape_width (c);
  return 2.0 * (double)(pixels * c->kernel * c->kernel) *
         (double)(c->channels_in / c->groups * c->channels_out);
}

char *
bench_shape_text (const BenchShape *c)
{
  const char *kind = c->kind == BENCH_SHAPE_TRANSPOSED ? "transposed"
                     : c->groups > 1                   ? "depthwise"
                                                       : "conv";
  if (c->kind == BENCH_SHAPE_LINEAR)
    return g_strdup_printf ("linear %dx%d>%d", (int)c->height, (int)c->channels_in,
                            (int)c->channels_out);
  if (c->kind == BENCH_SHAPE_PRODUCT)
    return g_strdup_printf ("product %d * %dx%dx%d", (int)c->groups, (int)c->height,
                            (int)c->channels_in, (int)c->channels_out);
  return g_strdup_printf ("%s %dx%d/%d %d>%d %dx%d", kind, (int)c->kernel, (int)c->kernel,
                          (int)c->stride, (int)c->channels_in, (int)c->channels_out, (int)c->height,
                          (int)c->width);
}
