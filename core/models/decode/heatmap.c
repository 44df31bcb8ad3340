/* Heatmaps to points. Depends on decode.h. */
#include "core/base/error.h"
#include "core/models/decode/decode.h"

#include <math.h>
#include <string.h>

typedef struct {
  const float *cells;
  int w, h;
} Channel;

static double
at (const Channel *c, int x, int y)
{
  return c->cells[(size_t)y * (size_t)c->w + (size_t)x];
}

/* Newton step on the logarithm about the peak (DARK, Zhang et al. 2020), at most one cell. */
static void
dark_step (const Channel *c, int x, int y, double *dx, double *dy)
{
  *dx = *dy = 0;
  if (x < 1 || y < 1 || x > c->w - 2 || y > c->h - 2)
    return;
  double l[3][3];
  for (int j = -1; j <= 1; j++)
    for (int i = -1; i <= 1; i++)
      l[j + 1][i + 1] = log (MAX (at (c, x + i, y + j), 1e-10));
  double gx = 0.5 * (l[1][2] - l[1][0]), gy = 0.5 * (l[2][1] - l[0][1]);
  double xx = l[1][2] - 2 * l[1][1] + l[1][0], yy = l[2][1] - 2 * l[1][1] + l[0][1];
  double xy = 0.25 * (l[2][2] - l[2][0] - l[0][2] + l[0][0]), det = xx * yy - xy * xy;
  if (!(det > 1e-12) || !(xx < 0))
    return;
  *dx = CLAMP (-(yy * gx - xy * gy) / det, -1, 1);
  *dy = CLAMP (-(xx * gy - xy * gx) / det, -1, 1);
}

typedef float Vec __attribute__ ((vector_size (16), may_alias));
typedef int32_t VecInt __attribute__ ((vector_size (16), may_alias));
enum { LANES = 4, BLOCK = 64 };

/* Sum of a block's values, negative ones as 0; the largest of them, or 0, goes to
 * out_top. */
static double
survey_block (const float *cells, float *out_top)
{
  Vec sum = {0}, top = {0};
  for (int i = 0; i < BLOCK; i += LANES) {
    Vec v;
    memcpy (&v, cells + i, sizeof v);
    v = (Vec)((VecInt)v & (VecInt)(v > 0));
    VecInt larger = (VecInt)(v > top);
    top = (Vec)(((VecInt)v & larger) | ((VecInt)top & ~larger));
    sum += v;
  }
  *out_top = MAX (MAX (top[0], top[1]), MAX (top[2], top[3]));
  return ((double)sum[0] + (double)sum[1]) + ((double)sum[2] + (double)sum[3]);
}

/* Sum of the values, negative ones as 0, and the largest with its first place. */
static void
survey (const Channel *c, double *out_total, double *out_peak, int *out_x, int *out_y)
{
  size_t n = (size_t)c->w * (size_t)c->h, i = 0, place = 0;
  float peak = 0;
  double total = 0;
  for (; i + BLOCK <= n; i += BLOCK) {
    float top = 0;
    total += survey_block (c->cells + i, &top);
    if (top > peak) {
      peak = top;
      place = i;
    }
  }
  while (place < n && peak > 0 && c->cells[place] < peak)
    place++;
  for (; i < n; i++) {
    total += MAX ((double)c->cells[i], 0);
    if (c->cells[i] > peak) {
      peak = c->cells[i];
      place = i;
    }
  }
  *out_total = total;
  *out_peak = (double)peak;
  *out_x = (int)(place % (size_t)c->w);
  *out_y = (int)(place / (size_t)c->w);
}

static void
decode_channel (const GonioModelOutput *output, const Channel *c, GonioDecodedPoint *out)
{
  int px = 0, py = 0, r = (int)output->radius;
  double total = 0, peak = 0;
  survey (c, &total, &peak, &px, &py);
  int x0 = MAX (px - r, 0), x1 = MIN (px + r + 1, c->w);
  int y0 = MAX (py - r, 0), y1 = MIN (py + r + 1, c->h);
  double mass = 0, sx = 0, sy = 0, sxx = 0, syy = 0;
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      double v = MAX (at (c, x, y), 0), dx = x - px, dy = y - py;
      mass += v;
      sx += v * dx;
      sy += v * dy;
      sxx += v * dx * dx;
      syy += v * dy * dy;
    }
  double mx = 0, my = 0, variance = 0;
  if (mass > 0) {
    mx = sx / mass;
    my = sy / mass;
    variance = 0.5 * (MAX (sxx / mass - mx * mx, 0) + MAX (syy / mass - my * my, 0));
  }
  if (output->decode == GONIO_HEATMAP_DARK)
    dark_step (c, px, py, &mx, &my);
  else if (output->decode == GONIO_HEATMAP_ARGMAX)
    mx = my = 0;
  /* Sums of distributions exceed one by rounding only. */
  gboolean distribution = total <= 1.001;
  out->position = (GonioPoint){(px + 0.5 + mx) * output->stride, (py + 0.5 + my) * output->stride};
  out->sigma = sqrt (variance) * output->stride;
  out->confidence = CLAMP (output->score_mass && distribution ? mass : peak, 0, 1);
  out->presence = CLAMP (distribution ? total : peak, 0, 1);
}

gboolean
gonio_decode_heatmap (const GonioModelOutput *output, const GonioTensor *tensor, guint n,
                      GonioDecodedPoint *out, GError **error)
{
  const int64_t dims[] = {1, n, -1, -1};
  const float *data = gonio_decode_data (output, tensor, dims, 4, error);
  if (data == NULL)
    return FALSE;
  const GonioShape *shape = gonio_tensor_shape (tensor);
  Channel c = {.h = (int)shape->dims[2], .w = (int)shape->dims[3]};
  for (guint i = 0; i < n; i++) {
    c.cells = data + (size_t)i * (size_t)c.w * (size_t)c.h;
    decode_channel (output, &c, &out[i]);
    out[i].sigma *= gonio_decode_sigma_scale (output, i);
  }
  return TRUE;
}
