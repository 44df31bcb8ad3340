/* Moves a proposed quadrilateral's sides onto straight edges of the photo. Depends on rectify.h,
 * imaging.
 *
 * A network finds a film to two per cent of the photo's diagonal, its edges are there to a pixel.
 * Across each side the derivative of the photo has peaks; the straight line that most positions
 * along the side agree on takes its place. Any edge of the film's or the screen's plane that
 * runs along a side serves, because all have the same vanishing points. */
#include "core/measure/geometry.h"
#include "core/pipeline/rectify.h"

#include <math.h>
#include <string.h>

enum {
  WORK_EDGE = 640, /* longer side of the picture that is searched */
  POSITIONS = 72,  /* along a side */
  PEAKS = 3,       /* strongest kept at each position */
  MAX_PEAKS = POSITIONS * PEAKS,
};

#define BLUR       1.2  /* px of the searched picture, standard deviation */
#define REACH      0.09 /* of its diagonal, to either side; a third of it the second time */
#define LINE_WIDTH 1.6  /* px within which a peak votes for a line */
#define WEAKEST    2.0  /* grey levels (of 255) per px */
#define AGREEMENT  0.5  /* share of positions that must vote */

typedef struct {
  int w, h;
  float *grey; /* 0..255 */
} Field;

/* ---- the searched picture ---- */

enum { RADIUS = 4 };

static void
blur_kernel (double kernel[2 * RADIUS + 1])
{
  double sum = 0;
  for (int k = -RADIUS; k <= RADIUS; k++) {
    kernel[k + RADIUS] = exp (-0.5 * k * k / (BLUR * BLUR));
    sum += kernel[k + RADIUS];
  }
  for (int k = 0; k <= 2 * RADIUS; k++)
    kernel[k] /= sum;
}

/* Blurs along each row; pixels at the border repeat beyond it. */
static void
blur_across (float *grey, int w, int h)
{
  double kernel[2 * RADIUS + 1];
  g_autofree float *wide = g_new (float, (size_t)w + 2 * RADIUS);
  blur_kernel (kernel);
  for (int y = 0; y < h; y++) {
    float *row = grey + (size_t)y * (size_t)w;
    for (int i = 0; i < w + 2 * RADIUS; i++)
      wide[i] = row[CLAMP (i - RADIUS, 0, w - 1)];
    for (int i = 0; i < w; i++) {
      double v = 0;
      for (int k = 0; k <= 2 * RADIUS; k++)
        v += kernel[k] * (double)wide[i + k];
      row[i] = (float)v;
    }
  }
}

/* The same along each column, by whole rows. */
static void
blur_down (const float *from, float *to, int w, int h)
{
  double kernel[2 * RADIUS + 1];
  blur_kernel (kernel);
  for (int y = 0; y < h; y++) {
    const float *rows[2 * RADIUS + 1];
    for (int k = 0; k <= 2 * RADIUS; k++)
      rows[k] = from + (size_t)CLAMP (y + k - RADIUS, 0, h - 1) * (size_t)w;
    for (int i = 0; i < w; i++) {
      double v = 0;
      for (int k = 0; k <= 2 * RADIUS; k++)
        v += kernel[k] * (double)rows[k][i];
      to[(size_t)y * (size_t)w + (size_t)i] = (float)(v * 255);
    }
  }
}

static gboolean
field_init (Field *f, const GonioImage *image, const GonioWindow *window, double scale)
{
  f->w = (int)MAX (8, round (gonio_image_width (image) * scale));
  f->h = (int)MAX (8, round (gonio_image_height (image) * scale));
  size_t n = (size_t)f->w * (size_t)f->h;
  const double m[6] = {scale, 0, 0, 0, scale, 0};
  g_autoptr (GonioTransform) shrink = gonio_transform_new_affine (m, NULL);
  f->grey = g_new (float, n);
  g_autofree float *sharp = g_new (float, n);
  if (shrink == NULL ||
      !gonio_image_sample_float (image, window, shrink, (guint)f->w, (guint)f->h, 0, sharp, NULL))
    return FALSE;
  blur_across (sharp, f->w, f->h);
  blur_down (sharp, f->grey, f->w, f->h);
  return TRUE;
}

/* FALSE outside the picture. */
static gboolean
read_grey (const Field *f, GonioPoint p, double *out)
{
  double x = p.x - 0.5, y = p.y - 0.5;
  if (!(x >= 0 && y >= 0 && x <= f->w - 1 && y <= f->h - 1))
    return FALSE;
  int i = MIN ((int)x, f->w - 2), j = MIN ((int)y, f->h - 2);
  double fx = x - i, fy = y - j;
  const float *r0 = f->grey + (size_t)j * (size_t)f->w + i, *r1 = r0 + f->w;
  *out = (r0[0] * (1 - fx) + r0[1] * fx) * (1 - fy) + (r1[0] * (1 - fx) + r1[1] * fx) * fy;
  return TRUE;
}

/* ---- one side ---- */

typedef struct {
  int position; /* along the side, 0..POSITIONS-1 */
  double t;     /* 0..1 along the side */
  double offset;
  double strength; /* 0..1 of what is usual on this side */
} Peak;

typedef struct {
  double score, start, turn, share; /* offset at t: start + turn * t */
} Edge;

/* Derivative across the side a-b at each position: POSITIONS rows of 2 * width + 1. */
static double *
read_slopes (const Field *f, GonioPoint a, GonioPoint b, int width, GonioPoint *out_normal)
{
  GonioPoint d = gonio_point_sub (b, a);
  double length = MAX (gonio_point_length (d), 1e-9);
  GonioPoint normal = {-d.y / length, d.x / length};
  int n = 2 * width + 1;
  double *slopes = g_new0 (double, (size_t)POSITIONS *(size_t)n);
  g_autofree double *value = g_new (double, (size_t)n + 2);
  g_autofree gboolean *inside = g_new (gboolean, (size_t)n + 2);
  for (int row = 0; row < POSITIONS; row++) {
    double t = 0.05 + 0.9 * row / (POSITIONS - 1);
    for (int k = 0; k < n + 2; k++) {
      double o = k - width - 1;
      GonioPoint p = {a.x + t * d.x + o * normal.x, a.y + t * d.y + o * normal.y};
      value[k] = 0;
      inside[k] = read_grey (f, p, &value[k]);
    }
    for (int k = 0; k < n; k++)
      if (inside[k] && inside[k + 2])
        slopes[row * n + k] = 0.5 * (value[k + 2] - value[k]);
  }
  *out_normal = normal;
  return slopes;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The strongest peaks of sign * slope at each position, weak ones left out; their number. */
static int
find_peaks (const double *slopes, int width, double sign, Peak *out)
{
  int n = 2 * width + 1, kept = 0;
  double first[POSITIONS] = {0};
  Peak all[MAX_PEAKS];
  int count = 0;
  for (int row = 0; row < POSITIONS; row++) {
    const double *s = slopes + row * n;
    int start = count;
    for (int k = 1; k + 1 < n; k++) {
      double l = sign * s[k - 1], m = sign * s[k], r = sign * s[k + 1];
      if (!(m > 0 && m >= l && m > r))
        continue;
      double curve = l - 2 * m + r,
             sub = curve < -1e-9 ? CLAMP (0.5 * (l - r) / curve, -0.5, 0.5) : 0;
      Peak peak = {row, 0.05 + 0.9 * row / (POSITIONS - 1), k - width + sub, m};
      int at = count;
      for (; at > start && all[at - 1].strength < m; at--)
        if (at < start + PEAKS)
          all[at] = all[at - 1];
      if (at < start + PEAKS) {
        all[at] = peak;
        count = MIN (count + 1, start + PEAKS);
      }
    }
    first[row] = count > start ? all[start].strength : 0;
  }
  double sorted[POSITIONS];
  memcpy (sorted, first, sizeof first);
  qsort (sorted, POSITIONS, sizeof *sorted, compare_doubles);
  double usual = sorted[POSITIONS * 3 / 4];
  for (int i = 0; i < count; i++)
    if (all[i].strength > MAX (WEAKEST, 0.25 * usual)) {
      out[kept] = all[i];
      out[kept++].strength = MIN (all[i].strength / usual, 1);
    }
  return kept;
}

/* Mean vote of the positions for a line; share that vote clearly. */
static double
count_votes (const Peak *peaks, int n, double start, double turn, double *out_share)
{
  double sum = 0, best = 0;
  int clear = 0;
  for (int i = 0; i < n; i++) {
    double apart = fabs (start + turn * peaks[i].t - peaks[i].offset);
    best = MAX (best, MAX (0, 1 - apart / LINE_WIDTH) * peaks[i].strength);
    if (i + 1 == n || peaks[i + 1].position != peaks[i].position) {
      sum += best;
      clear += best > 0.3;
      best = 0;
    }
  }
  *out_share = (double)clear / POSITIONS;
  return sum / POSITIONS;
}

/* Least squares through the peaks near the line, by their strength. */
static void
fit_edge (const Peak *peaks, int n, Edge *edge)
{
  double w = 0, wt = 0, wtt = 0, wo = 0, wto = 0;
  for (int i = 0; i < n; i++) {
    const Peak *p = &peaks[i];
    if (fabs (edge->start + edge->turn * p->t - p->offset) >= LINE_WIDTH)
      continue;
    double q = p->strength * p->strength;
    w += q;
    wt += q * p->t;
    wtt += q * p->t * p->t;
    wo += q * p->offset;
    wto += q * p->t * p->offset;
  }
  double det = w * wtt - wt * wt;
  if (!(det > 1e-9 * w * wtt))
    return;
  edge->start = (wtt * wo - wt * wto) / det;
  edge->turn = (w * wto - wt * wo) / det;
}

/* The line through one peak near each end that most positions agree on, not far from the side
 * and not much turned against it. */
static Edge
find_edge (const double *slopes, int width)
{
  Edge best = {0};
  for (int sign = -1; sign <= 1; sign += 2) {
    Peak peaks[MAX_PEAKS];
    int n = find_peaks (slopes, width, sign, peaks);
    Edge own = {0};
    if (n < POSITIONS / 3)
      continue;
    for (int i = 0; i < n && peaks[i].t < 0.35; i++)
      for (int j = n - 1; j > i && peaks[j].t > 0.65; j--) {
        double turn = (peaks[j].offset - peaks[i].offset) / (peaks[j].t - peaks[i].t);
        double start = peaks[i].offset - turn * peaks[i].t, middle = start + 0.5 * turn;
        if (!(fabs (turn) < 0.9 * width))
          continue;
        double prior =
            exp (-0.5 * pow (middle / (0.6 * width), 2) - 0.5 * pow (turn / (0.7 * width), 2));
        if (prior <= own.score)
          continue; /* votes are at most 1 */
        double share = 0, score = prior * count_votes (peaks, n, start, turn, &share);
        if (score > own.score)
          own = (Edge){score, start, turn, share};
      }
    if (own.score > best.score) {
      fit_edge (peaks, n, &own);
      best = own;
    }
  }
  return best;
}

/* ---- all four ---- */

static gboolean
snap_once (const Field *f, const GonioPoint c[4], double reach, GonioPoint out[4])
{
  int width = MAX (4, (int)(reach * hypot (f->w, f->h)));
  GonioPoint sides[4][2], moved[4];
  for (guint i = 0; i < 4; i++) {
    GonioPoint a = c[i], b = c[(i + 1) % 4], normal = {0, 0};
    g_autofree double *slopes = read_slopes (f, a, b, width, &normal);
    Edge edge = find_edge (slopes, width);
    if (!(edge.score > 0 && edge.share > AGREEMENT))
      return FALSE;
    double end = edge.start + edge.turn;
    sides[i][0] = (GonioPoint){a.x + edge.start * normal.x, a.y + edge.start * normal.y};
    sides[i][1] = (GonioPoint){b.x + end * normal.x, b.y + end * normal.y};
  }
  for (guint i = 0; i < 4; i++)
    if (!gonio_line_intersection (sides[(i + 3) % 4], sides[i], &moved[i]) ||
        gonio_point_distance (moved[i], c[i]) > 2.5 * width)
      return FALSE;
  if (!gonio_corners_are_convex (moved))
    return FALSE;
  memcpy (out, moved, sizeof moved);
  return TRUE;
}

gboolean
gonio_snap_corners (const GonioImage *image, const GonioWindow *window, const GonioPoint corners[4],
                    GonioPoint out[4])
{
  double longest = MAX (gonio_image_width (image), gonio_image_height (image));
  double scale = MIN (1, WORK_EDGE / longest);
  Field f = {0};
  GonioPoint c[4], moved[4];
  gboolean found = field_init (&f, image, window, scale);
  for (guint i = 0; i < 4; i++)
    c[i] = (GonioPoint){corners[i].x * scale, corners[i].y * scale};
  found = found && snap_once (&f, c, REACH, moved);
  /* Once more from near by, where nothing else distracts. */
  if (found && !snap_once (&f, moved, REACH / 3, c))
    memcpy (c, moved, sizeof c);
  g_free (f.grey);
  for (guint i = 0; found && i < 4; i++)
    out[i] = (GonioPoint){c[i].x / scale, c[i].y / scale};
  return found;
}
