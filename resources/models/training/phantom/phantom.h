/* X-ray projection of closed triangle meshes and a few image filters for the training renderer.
 * Depends on the C library only. Images are float, row-major, w x h; px: x right, y down, pixel
 * centres at +0.5. mm on the detector = origin + px * mm_per_px. All calls are reentrant. */
#ifndef PHANTOM_H
#define PHANTOM_H

#include <stdint.h>

typedef struct {
  double sx, sy, sid;       /* source position, mm */
  double x0, y0, mm_per_px; /* window on the detector */
  int32_t w, h;             /* px */
} PhWindow;

typedef struct {
  float mu_cortical, mu_spongy; /* 1/mm */
  float texture;                /* 0 = none */
  const float *tile; /* tile_n x tile_n, zero mean, unit variance; tile_n a power of two */
  int32_t tile_n;
  float tile_cos, tile_sin, tile_du, tile_dv; /* px of the tile = R * mm + offset */
} PhMaterial;

/* Adds one body's attenuation to atten and, where mask is not NULL, its thickness in mm to mask.
 * v: n x 3, f: m x 3, cortex: n (mm, 0 = solid). Returns 0, or -1 when indices are out of range or
 * memory is short. */
int ph_body (const PhWindow *win, const float *v, int32_t n, const int32_t *f, int32_t m,
             const float *cortex, const PhMaterial *mat, float *atten, float *mask);

/* Soft tissue: thickness (mm) of a smooth union of n balls (x, y, z, r), written to out (w x h):
 * the fourth root of the sum of fourth powers. */
void ph_balls (const PhWindow *win, const float *xyzr, int32_t n, float *out);

/* In-place approximate Gaussian blur (three box passes), edges replicated. tmp: w x h scratch. */
void ph_blur (float *img, float *tmp, int32_t w, int32_t h, float sigma);

/* dst(x, y) = src(a0 x + a1 y + a2, a3 x + a4 y + a5), bilinear, n x n samples per pixel, fill
 * outside. */
void ph_warp (const float *src, int32_t w, int32_t h, const double a[6], float *dst, int32_t dw,
              int32_t dh, int32_t n, float fill);

/* out = Gaussian noise, mean 0, SD 1 (sum of uniforms). */
void ph_noise (float *out, int64_t count, uint64_t seed);

/* img = outside where the pixel lies beyond any of k half-planes (a x + b y + c > 0), feathered by
 * soft px. */
void ph_collimate (float *img, int32_t w, int32_t h, const float *abc, int32_t k, float outside,
                   float soft);

#endif
