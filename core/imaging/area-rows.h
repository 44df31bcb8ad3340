/* Bilinear reads of a row of destination pixels, compiled once for each instruction set by area.c,
 * which defines AREA (name), AREA_TARGET and the vector types. Nothing here is near a border: every
 * sample is a pixel and a half away from it. Depends on area.c. */

/* Neighbours and weights of the samples that lie dx, dy (level px) from the pixels at x, y. */
AREA_TARGET static void
AREA (locate) (const GonioLevel *level, const double *x, const double *y, GonioPoint offset,
               Sample *out)
{
  for (guint i = 0; i < GONIO_AREA_ROW; i += 4) {
    Double4 px, py;

    memcpy (&px, x + i, sizeof px);
    memcpy (&py, y + i, sizeof py);
    px += offset.x - 0.5;
    py += offset.y - 0.5;
    Int4 ix = __builtin_convertvector(px, Int4), iy = __builtin_convertvector(py, Int4);
    Float4 tx = __builtin_convertvector(px - __builtin_convertvector(ix, Double4), Float4);
    Float4 ty = __builtin_convertvector(py - __builtin_convertvector(iy, Double4), Float4);
    Int4 at = iy * (int32_t)level->width + ix;

    memcpy (out->at + i, &at, sizeof at);
    memcpy (out->tx + i, &tx, sizeof tx);
    memcpy (out->ty + i, &ty, sizeof ty);
  }
}

AREA_TARGET static void
AREA (read_grey) (const GonioLevel *level, const Sample *samples, guint count, float *out)
{
  const uint16_t *upper = level->pixels, *lower = upper + level->width;
  Float4 sums[GONIO_AREA_ROW / 4] = {{0}};

  for (guint k = 0; k < count; k++) {
    const Sample *s = &samples[k];
    uint32_t a[GONIO_AREA_ROW], b[GONIO_AREA_ROW]; /* two neighbours each */

    for (guint i = 0; i < GONIO_AREA_ROW; i++) {
      memcpy (&a[i], upper + s->at[i], sizeof a[i]);
      memcpy (&b[i], lower + s->at[i], sizeof b[i]);
    }
    for (guint i = 0; i < GONIO_AREA_ROW; i += 4) {
      Word4 wa, wb;
      Float4 tx, ty;

      memcpy (&wa, a + i, sizeof wa);
      memcpy (&wb, b + i, sizeof wb);
      memcpy (&tx, s->tx + i, sizeof tx);
      memcpy (&ty, s->ty + i, sizeof ty);
      Float4 a0 = __builtin_convertvector((Int4)FIRST_OF_TWO (wa), Float4);
      Float4 a1 = __builtin_convertvector((Int4)SECOND_OF_TWO (wa), Float4);
      Float4 b0 = __builtin_convertvector((Int4)FIRST_OF_TWO (wb), Float4);
      Float4 b1 = __builtin_convertvector((Int4)SECOND_OF_TWO (wb), Float4);
      Float4 up = a0 + (a1 - a0) * tx, down = b0 + (b1 - b0) * tx;
      sums[i / 4] += up + (down - up) * ty;
    }
  }
  for (guint i = 0; i < GONIO_AREA_ROW; i += 4) {
    Float4 mean = sums[i / 4] * (1 / (float)count);

    memcpy (out + i, &mean, sizeof mean);
  }
}
