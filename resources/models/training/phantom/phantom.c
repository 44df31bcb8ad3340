/* X-ray projection of closed triangle meshes; see phantom.h. */
#include "phantom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUB 256 /* sub-pixel steps of the rasteriser */

typedef struct {
  float x, y, z; /* px, px, mm above the body's reference plane */
} Vert;

static int
min_i (int a, int b)
{
  return a < b ? a : b;
}
static int
max_i (int a, int b)
{
  return a > b ? a : b;
}

static void
project (const PhWindow *win, const float *p, double z_ref, Vert *out)
{
  double gap = win->sid - p[2], k = win->sid / (gap > 1.0 ? gap : 1.0);
  out->x = (float)((win->sx + (p[0] - win->sx) * k - win->x0) / win->mm_per_px);
  out->y = (float)((win->sy + (p[1] - win->sy) * k - win->y0) / win->mm_per_px);
  out->z = (float)(p[2] - z_ref);
}

/* An edge is inclusive on exactly one of the two triangles that share it. */
static int64_t
bias (int64_t dx, int64_t dy)
{
  return (dy > 0 || (dy == 0 && dx < 0)) ? 0 : -1;
}

/* Adds +-depth of one triangle to acc: fixed-point edges, exact along shared edges. */
static void
raster (const PhWindow *win, const Vert *a, const Vert *b, const Vert *c, float *acc)
{
  int64_t ax = lrintf (a->x * SUB), ay = lrintf (a->y * SUB);
  int64_t bx = lrintf (b->x * SUB), by = lrintf (b->y * SUB);
  int64_t cx = lrintf (c->x * SUB), cy = lrintf (c->y * SUB);
  int64_t area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  float sign = 1.0f, zb = b->z, zc = c->z;
  if (area == 0)
    return;
  if (area < 0) {
    int64_t t = bx;
    bx = cx, cx = t;
    t = by, by = cy, cy = t;
    float z = zb;
    zb = zc, zc = z;
    area = -area, sign = -1.0f;
  }
  int64_t lo_x = ax < bx ? ax : bx, hi_x = ax > bx ? ax : bx;
  int64_t lo_y = ay < by ? ay : by, hi_y = ay > by ? ay : by;
  lo_x = lo_x < cx ? lo_x : cx, hi_x = hi_x > cx ? hi_x : cx;
  lo_y = lo_y < cy ? lo_y : cy, hi_y = hi_y > cy ? hi_y : cy;
  int x0 = max_i (0, (int)floor ((double)(lo_x - SUB / 2) / SUB));
  int y0 = max_i (0, (int)floor ((double)(lo_y - SUB / 2) / SUB));
  int x1 = min_i (win->w - 1, (int)(hi_x / SUB)), y1 = min_i (win->h - 1, (int)(hi_y / SUB));
  if (x0 > x1 || y0 > y1)
    return;
  int64_t px = (int64_t)x0 * SUB + SUB / 2, py = (int64_t)y0 * SUB + SUB / 2;
  int64_t e0 = (cx - bx) * (py - by) - (cy - by) * (px - bx) + bias (cx - bx, cy - by);
  int64_t e1 = (ax - cx) * (py - cy) - (ay - cy) * (px - cx) + bias (ax - cx, ay - cy);
  int64_t e2 = (bx - ax) * (py - ay) - (by - ay) * (px - ax) + bias (bx - ax, by - ay);
  int64_t e0x = -(cy - by) * SUB, e1x = -(ay - cy) * SUB, e2x = -(by - ay) * SUB;
  int64_t e0y = (cx - bx) * SUB, e1y = (ax - cx) * SUB, e2y = (bx - ax) * SUB;
  float inv = 1.0f / (float)area;
  for (int y = y0; y <= y1; y++) {
    int64_t f0 = e0, f1 = e1, f2 = e2;
    float *row = acc + (int64_t)y * win->w;
    for (int x = x0; x <= x1; x++) {
      if ((f0 | f1 | f2) >= 0) {
        float u = (float)f1 * inv, v = (float)f2 * inv;
        row[x] += sign * (a->z + u * (zb - a->z) + v * (zc - a->z));
      }
      f0 += e0x, f1 += e1x, f2 += e2x;
    }
    e0 += e0y, e1 += e1y, e2 += e2y;
  }
}

static void
raster_mesh (const PhWindow *win, const Vert *p, const int32_t *f, int32_t m, float *acc)
{
  for (int32_t i = 0; i < m; i++)
    raster (win, &p[f[3 * i]], &p[f[3 * i + 1]], &p[f[3 * i + 2]], acc);
}

/* Moves every vertex inwards along its normal by cortex; returns the winding sign. */
static float
inner_surface (const float *v, int32_t n, const int32_t *f, int32_t m, const float *cortex,
               float *out)
{
  double volume = 0;
  memset (out, 0, sizeof (float) * 3 * (size_t)n);
  for (int32_t i = 0; i < m; i++) {
    const float *a = v + 3 * f[3 * i], *b = v + 3 * f[3 * i + 1], *c = v + 3 * f[3 * i + 2];
    float e[3], g[3], q[3];
    for (int k = 0; k < 3; k++)
      e[k] = b[k] - a[k], g[k] = c[k] - a[k];
    for (int k = 0; k < 3; k++) {
      q[k] = e[(k + 1) % 3] * g[(k + 2) % 3] - e[(k + 2) % 3] * g[(k + 1) % 3];
      volume += (double)(a[k] - v[k]) * q[k];
    }
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 3; k++)
        out[3 * f[3 * i + j] + k] += q[k];
  }
  float sign = volume < 0 ? -1.0f : 1.0f;
  for (int32_t i = 0; i < n; i++) {
    float *q = out + 3 * i;
    float len = sqrtf (q[0] * q[0] + q[1] * q[1] + q[2] * q[2]);
    float s = len > 1e-12f ? sign * cortex[i] / len : 0.0f;
    for (int k = 0; k < 3; k++)
      q[k] = v[3 * i + k] - s * q[k];
  }
  return sign;
}

int
ph_body (const PhWindow *win, const float *v, int32_t n, const int32_t *f, int32_t m,
         const float *cortex, const PhMaterial *mat, float *atten, float *mask)
{
  size_t px = (size_t)win->w * (size_t)win->h;
  for (int64_t i = 0; i < (int64_t)m * 3; i++)
    if (f[i] < 0 || f[i] >= n)
      return -1;
  float *inner = malloc (sizeof (float) * 3 * (size_t)n);
  Vert *p = malloc (sizeof (Vert) * (size_t)n);
  float *acc = NULL;
  int rc = -1;
  if (!inner || !p)
    goto out;
  double z_ref = 0;
  for (int32_t i = 0; i < n; i++)
    z_ref += v[3 * i + 2];
  z_ref /= n;
  float sign = inner_surface (v, n, f, m, cortex, inner);
  float lo[2] = {1e9f, 1e9f}, hi[2] = {-1e9f, -1e9f};
  for (int32_t i = 0; i < n; i++) {
    project (win, v + 3 * i, z_ref, &p[i]);
    lo[0] = fminf (lo[0], p[i].x), hi[0] = fmaxf (hi[0], p[i].x);
    lo[1] = fminf (lo[1], p[i].y), hi[1] = fmaxf (hi[1], p[i].y);
  }
  rc = 0;
  if (!(hi[0] > 0 && hi[1] > 0 && lo[0] < win->w && lo[1] < win->h))
    goto out;
  rc = -1;
  /* Vertices far outside would overflow the fixed-point edges; nothing real is that far off. */
  if (lo[0] < -60000 || lo[1] < -60000 || hi[0] > 60000 || hi[1] > 60000)
    goto out;
  int x0 = max_i (0, (int)lo[0] - 1), x1 = min_i (win->w - 1, (int)hi[0] + 1);
  int y0 = max_i (0, (int)lo[1] - 1), y1 = min_i (win->h - 1, (int)hi[1] + 1);
  PhWindow sub = *win;
  sub.w = x1 - x0 + 1, sub.h = y1 - y0 + 1;
  px = (size_t)sub.w * (size_t)sub.h;
  acc = calloc (2 * px, sizeof (float));
  if (!acc)
    goto out;
  for (int32_t i = 0; i < n; i++)
    p[i].x -= (float)x0, p[i].y -= (float)y0;
  raster_mesh (&sub, p, f, m, acc);
  for (int32_t i = 0; i < n; i++) {
    project (win, inner + 3 * i, z_ref, &p[i]);
    p[i].x -= (float)x0, p[i].y -= (float)y0;
  }
  raster_mesh (&sub, p, f, m, acc + px);
  double total = 0;
  for (size_t i = 0; i < px; i++)
    total += acc[i];
  sign = total < 0 ? -1.0f : 1.0f;
  int wrap = mat->tile_n - 1;
  for (int y = 0; y < sub.h; y++)
    for (int x = 0; x < sub.w; x++) {
      size_t i = (size_t)y * (size_t)sub.w + (size_t)x;
      float outer = sign * acc[i], core = sign * acc[px + i];
      if (outer <= 0)
        continue;
      double dx = win->x0 + (x + x0 + 0.5) * win->mm_per_px - win->sx;
      double dy = win->y0 + (y + y0 + 0.5) * win->mm_per_px - win->sy;
      float slant = (float)sqrt (1.0 + (dx * dx + dy * dy) / (win->sid * win->sid));
      core = core < 0 ? 0 : (core > outer ? outer : core);
      float grain = 1.0f;
      if (mat->texture > 0 && mat->tile) {
        float u = mat->tile_cos * (float)dx - mat->tile_sin * (float)dy + mat->tile_du;
        float w = mat->tile_sin * (float)dx + mat->tile_cos * (float)dy + mat->tile_dv;
        int iu = (int)floorf (u), iv = (int)floorf (w);
        float fu = u - (float)iu, fv = w - (float)iv;
        const float *r0 = mat->tile + (iv & wrap) * mat->tile_n;
        const float *r1 = mat->tile + ((iv + 1) & wrap) * mat->tile_n;
        float t0 = r0[iu & wrap] * (1 - fu) + r0[(iu + 1) & wrap] * fu;
        float t1 = r1[iu & wrap] * (1 - fu) + r1[(iu + 1) & wrap] * fu;
        grain += mat->texture / sqrtf (1 + core * 0.15f) * (t0 * (1 - fv) + t1 * fv);
      }
      int64_t o = (int64_t)(y + y0) * win->w + x + x0;
      atten[o] += slant * (mat->mu_cortical * (outer - core) + mat->mu_spongy * core * grain);
      if (mask)
        mask[o] += slant * outer;
    }
  rc = 0;
out:
  free (inner);
  free (p);
  free (acc);
  return rc;
}

void
ph_balls (const PhWindow *win, const float *xyzr, int32_t n, float *out)
{
  size_t px = (size_t)win->w * (size_t)win->h;
  memset (out, 0, px * sizeof (float));
  for (int32_t i = 0; i < n; i++) {
    const float *b = xyzr + 4 * i;
    Vert p;
    project (win, b, 0, &p);
    float r = (float)(b[3] * win->sid / fmax (win->sid - b[2], 1.0) / win->mm_per_px);
    int x0 = max_i (0, (int)(p.x - r)), x1 = min_i (win->w - 1, (int)(p.x + r));
    int y0 = max_i (0, (int)(p.y - r)), y1 = min_i (win->h - 1, (int)(p.y + r));
    float full = (float)b[3] * 0.02f; /* keep powers in range */
    float gain = full * full * full * full, inv = 1.0f / r;
    for (int y = y0; y <= y1; y++)
      for (int x = x0; x <= x1; x++) {
        float dx = ((float)x + 0.5f - p.x) * inv, dy = ((float)y + 0.5f - p.y) * inv;
        float d = 1 - dx * dx - dy * dy;
        d = d > 0 ? d : 0;
        out[(size_t)y * (size_t)win->w + (size_t)x] += gain * d * d;
      }
  }
  for (size_t i = 0; i < px; i++)
    out[i] = 100.0f * sqrtf (sqrtf (out[i]));
}

static void
box_rows (const float *src, float *dst, int w, int h, int r)
{
  float inv = 1.0f / (float)(2 * r + 1);
  for (int y = 0; y < h; y++) {
    const float *s = src + (size_t)y * (size_t)w;
    float *d = dst + (size_t)y * (size_t)w;
    double sum = (double)s[0] * (r + 1);
    for (int x = 0; x < r; x++)
      sum += s[min_i (x, w - 1)];
    for (int x = 0; x < w; x++) {
      sum += s[min_i (x + r, w - 1)];
      d[x] = (float)sum * inv;
      sum -= s[max_i (x - r, 0)];
    }
  }
}

static void
box_columns (const float *src, float *dst, int w, int h, int r)
{
  float inv = 1.0f / (float)(2 * r + 1);
  double *sum = malloc (sizeof (double) * (size_t)w);
  if (!sum)
    return;
  for (int x = 0; x < w; x++)
    sum[x] = (double)src[x] * (r + 1);
  for (int y = 0; y < r; y++)
    for (int x = 0; x < w; x++)
      sum[x] += src[(size_t)min_i (y, h - 1) * (size_t)w + (size_t)x];
  for (int y = 0; y < h; y++) {
    const float *in = src + (size_t)min_i (y + r, h - 1) * (size_t)w;
    const float *out = src + (size_t)max_i (y - r, 0) * (size_t)w;
    float *d = dst + (size_t)y * (size_t)w;
    for (int x = 0; x < w; x++) {
      sum[x] += in[x];
      d[x] = (float)sum[x] * inv;
      sum[x] -= out[x];
    }
  }
  free (sum);
}

/* Small sigmas: exact 5-tap kernel, since a box of radius 0 blurs nothing. */
static void
blur_small (float *img, float *tmp, int w, int h, float sigma)
{
  float k1 = expf (-0.5f / (sigma * sigma)), k2 = expf (-2.0f / (sigma * sigma));
  float s = 1.0f / (1 + 2 * k1 + 2 * k2);
  for (int y = 0; y < h; y++) {
    const float *r = img + (size_t)y * (size_t)w;
    for (int x = 0; x < w; x++)
      tmp[(size_t)y * (size_t)w + (size_t)x] =
          s * (r[x] + k1 * (r[max_i (x - 1, 0)] + r[min_i (x + 1, w - 1)]) +
               k2 * (r[max_i (x - 2, 0)] + r[min_i (x + 2, w - 1)]));
  }
  for (int y = 0; y < h; y++) {
    const float *r0 = tmp + (size_t)y * (size_t)w;
    const float *a1 = tmp + (size_t)max_i (y - 1, 0) * (size_t)w;
    const float *b1 = tmp + (size_t)min_i (y + 1, h - 1) * (size_t)w;
    const float *a2 = tmp + (size_t)max_i (y - 2, 0) * (size_t)w;
    const float *b2 = tmp + (size_t)min_i (y + 2, h - 1) * (size_t)w;
    float *d = img + (size_t)y * (size_t)w;
    for (int x = 0; x < w; x++)
      d[x] = s * (r0[x] + k1 * (a1[x] + b1[x]) + k2 * (a2[x] + b2[x]));
  }
}

void
ph_blur (float *img, float *tmp, int32_t w, int32_t h, float sigma)
{
  if (sigma < 0.2f)
    return;
  if (sigma < 1.4f) {
    blur_small (img, tmp, w, h, sigma);
    return;
  }
  /* Three boxes of width 2r+1 have variance (2r+1)^2/4 - 1/4. */
  int r = max_i (1, (int)lrintf ((sqrtf (4 * sigma * sigma + 1) - 1) / 2));
  for (int i = 0; i < 3; i++) {
    box_rows (img, tmp, w, h, r);
    box_columns (tmp, img, w, h, r);
  }
}

void
ph_warp (const float *src, int32_t w, int32_t h, const double a[6], float *dst, int32_t dw,
         int32_t dh, int32_t n, float fill)
{
  float inv = 1.0f / (float)(n * n);
  for (int y = 0; y < dh; y++)
    for (int x = 0; x < dw; x++) {
      float sum = 0;
      for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) {
          double ox = x + (i + 0.5) / n, oy = y + (j + 0.5) / n;
          double u = a[0] * ox + a[1] * oy + a[2], v = a[3] * ox + a[4] * oy + a[5];
          if (u < 0 || v < 0 || u >= w || v >= h) {
            sum += fill;
            continue;
          }
          float fx = (float)u - 0.5f, fy = (float)v - 0.5f;
          int ix = (int)floorf (fx), iy = (int)floorf (fy);
          fx -= (float)ix, fy -= (float)iy;
          const float *r0 = src + (size_t)max_i (iy, 0) * (size_t)w;
          const float *r1 = src + (size_t)min_i (iy + 1, h - 1) * (size_t)w;
          int xa = max_i (ix, 0), xb = min_i (ix + 1, w - 1);
          sum +=
              (r0[xa] * (1 - fx) + r0[xb] * fx) * (1 - fy) + (r1[xa] * (1 - fx) + r1[xb] * fx) * fy;
        }
      dst[(size_t)y * (size_t)dw + (size_t)x] = sum * inv;
    }
}

void
ph_noise (float *out, int64_t count, uint64_t seed)
{
  uint64_t s = seed * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u;
  for (int64_t i = 0; i < count; i++) {
    s ^= s << 13, s ^= s >> 7, s ^= s << 17;
    /* Four 16-bit uniforms: variance 4/12 of 65536^2. */
    uint32_t sum = (uint32_t)(s & 0xffff) + (uint32_t)((s >> 16) & 0xffff) +
                   (uint32_t)((s >> 32) & 0xffff) + (uint32_t)(s >> 48);
    out[i] = ((float)sum - 131070.0f) * (1.0f / 37837.2f);
  }
}

void
ph_collimate (float *img, int32_t w, int32_t h, const float *abc, int32_t k, float outside,
              float soft)
{
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float d = -1e9f;
      for (int i = 0; i < k; i++)
        d = fmaxf (d, abc[3 * i] * ((float)x + 0.5f) + abc[3 * i + 1] * ((float)y + 0.5f) +
                          abc[3 * i + 2]);
      if (d < -soft)
        continue;
      float t = d >= soft ? 1.0f : (d + soft) / (2 * soft);
      float *p = img + (size_t)y * (size_t)w + (size_t)x;
      *p += t * (outside - *p);
    }
}
