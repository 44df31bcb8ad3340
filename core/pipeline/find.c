/* Seeking landmarks: first look, polarity and turns, closer looks. Depends on find.h. */
#include "core/pipeline/find.h"

#include "core/base/times.h"

#include <math.h>
#include <string.h>

/* Mean raw confidence of the upright looks above which no other turn is tried, and by how much
 * a turn must win: films lie upright nearly always, and a network that misses the parts that are
 * off the film may find them somewhere else when it is turned. */
#define CONVINCED 0.70
#define WIN_BY    1.40
/* The networks know both polarities: only this factor is a verdict, else the surround decides. */
#define INVERTED_BY 1.10

typedef struct {
  const GonioFindRequest *request;
  const GonioManifest *manifest;
  GonioModelLook look;
  double width, height;
  double degrees;
  guint runs, expected_runs;
  GCancellable *cancellable;
} Seeker;

void
gonio_find_clear (GonioFind *find)
{
  g_clear_pointer (&find->points, g_free);
  find->n = 0;
}

/* One run of the network on what lies in frame (picture px -> input px); points in picture px. */
static gboolean
look_through (Seeker *s, const GonioTransform *frame, double scale, GonioTensor *input,
              GonioFoundLandmark *out, GError **error)
{
  const GonioManifest *m = s->manifest;
  if (s->request->progress != NULL)
    s->request->progress (MIN (1.0, (double)s->runs / MAX (1, s->expected_runs)), s->request->data);
  s->runs++;
  g_auto (GonioModelOutputs) outputs = {0};
  if (!gonio_model_run (s->request->model, s->request->options, input, &outputs, s->cancellable,
                        error))
    return FALSE;
  g_autofree GonioDecodedPoint *decoded = g_new0 (GonioDecodedPoint, m->n_landmarks);
  if (!gonio_model_decode_landmarks (m, &outputs, decoded, error))
    return FALSE;
  for (guint i = 0; i < m->n_landmarks; i++) {
    GonioFoundLandmark found = {.position = {NAN, NAN},
                                .sigma = decoded[i].sigma / scale,
                                .raw = decoded[i].confidence,
                                .presence = decoded[i].presence};
    if (!gonio_transform_inverse (frame, decoded[i].position, &found.position))
      found.raw = found.presence = 0;
    out[i] = found;
  }
  return TRUE;
}

static gboolean
look_whole (Seeker *s, int turns, GonioFoundLandmark *out, GError **error)
{
  const GonioManifest *m = s->manifest;
  double side = MAX (s->width, s->height);
  double scale = turns == 0 ? MIN (m->input.width / s->width, m->input.height / s->height)
                            : MIN (m->input.width, m->input.height) / side;
  g_autoptr (GonioTransform) frame =
      gonio_model_frame_turned (m, s->width, s->height, turns, error);
  s->look.cache = s->request->cache;
  g_autoptr (GonioTensor) input =
      frame != NULL ? gonio_model_make_input (m, &s->look, frame, error) : NULL;
  return input != NULL && look_through (s, frame, scale, input, out, error);
}

static double
mean_raw (const GonioFoundLandmark *points, guint n)
{
  double sum = 0;
  for (guint i = 0; i < n; i++)
    sum += points[i].raw;
  return sum / n;
}

enum { SURVEY = 64, RING = 4, MIDDLE = 16, FRAME = 12 };

/* Is that row or column of one brightness, as a frame round the picture is? */
static gboolean
line_is_uniform (const float *plane, gboolean column, int at)
{
  float low = INFINITY, high = -INFINITY;
  for (int i = 0; i < SURVEY; i++) {
    float v = column ? plane[i * SURVEY + at] : plane[at * SURVEY + i];
    low = MIN (low, v);
    high = MAX (high, v);
  }
  return high - low < 0.02f;
}

/* Air round a limb and the collimator's shade are dark where bone is white. A uniform frame, as
 * white paper or a viewer's margin, says nothing. */
static gboolean
surround_is_bright (const Seeker *s)
{
  const double a[6] = {SURVEY / s->width, 0, 0, 0, SURVEY / s->height, 0};
  float plane[SURVEY * SURVEY];
  g_autoptr (GonioTransform) frame = gonio_transform_new_affine (a, NULL);
  if (frame == NULL || !gonio_image_sample_float (s->look.image, s->look.window, frame, SURVEY,
                                                  SURVEY, 0, plane, NULL))
    return FALSE;
  int x0 = 0, y0 = 0, x1 = SURVEY - 1, y1 = SURVEY - 1;
  while (x0 < FRAME && line_is_uniform (plane, TRUE, x0))
    x0++;
  while (x1 > SURVEY - 1 - FRAME && line_is_uniform (plane, TRUE, x1))
    x1--;
  while (y0 < FRAME && line_is_uniform (plane, FALSE, y0))
    y0++;
  while (y1 > SURVEY - 1 - FRAME && line_is_uniform (plane, FALSE, y1))
    y1--;
  double ring = 0, middle = 0;
  guint n_ring = 0, n_middle = 0;
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++) {
      int border = MIN (MIN (x - x0, y - y0), MIN (x1 - x, y1 - y));
      ring += border < RING ? plane[y * SURVEY + x] : 0;
      n_ring += border < RING;
      middle += border >= MIDDLE ? plane[y * SURVEY + x] : 0;
      n_middle += border >= MIDDLE;
    }
  return n_middle > 0 && ring / n_ring > middle / n_middle;
}

/* By how much the inverted picture must win. */
static double
inverted_must_beat (const Seeker *s)
{
  gint64 start = gonio_times_start ();
  gboolean bright = surround_is_bright (s);
  gonio_times_add ("surround", start);
  return bright ? 1 / INVERTED_BY : INVERTED_BY;
}

/* The first look that convinces most; leaves the seeker set to it. */
static gboolean
first_look (Seeker *s, GonioFoundLandmark *best, int *out_turns, GError **error)
{
  static const struct {
    gboolean inverted;
    int turns;
  } ways[] = {{FALSE, 0}, {TRUE, 0}, {FALSE, 1}, {FALSE, 3},
              {FALSE, 2}, {TRUE, 1}, {TRUE, 3},  {TRUE, 2}};
  guint n = s->manifest->n_landmarks, chosen = 0;
  double best_mean = -1;
  g_autofree GonioFoundLandmark *points = g_new (GonioFoundLandmark, n);
  guint turns = GONIO_FIND_ALL_TURNS;
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    if (i >= 2 && best_mean >= CONVINCED)
      break;
    if (i == 2 && s->request->turns != NULL && !s->request->turns (s->request->data, &turns, error))
      return FALSE;
    if (!(turns & 1u << ways[i].turns))
      continue;
    s->look.invert = ways[i].inverted;
    if (!look_whole (s, ways[i].turns, points, error))
      return FALSE;
    double mean = mean_raw (points, n);
    g_debug ("look %u: mean confidence %.3f", i, mean);
    if (i > 0 && mean < best_mean * (i > 1 ? WIN_BY : inverted_must_beat (s)))
      continue;
    best_mean = mean;
    chosen = i;
    memcpy (best, points, n * sizeof *points);
  }
  s->look.invert = ways[chosen].inverted;
  s->degrees = 90.0 * ways[chosen].turns;
  *out_turns = ways[chosen].turns;
  return TRUE;
}

/* A closer look sees less of the picture: where no landmark is half as certain in the whole one as
 * all of them must be in the end, it finds none either. */
static gboolean
worth_a_closer_look (const GonioManifest *m, const GonioFind *find)
{
  for (guint i = 0; i < find->n; i++)
    if (find->points[i].raw >= 0.5 * m->accept_confidence)
      return TRUE;
  return FALSE;
}

/* Square about the group's points that are certain enough, or about all of them. */
static void
group_square (const Seeker *s, const GonioFoundLandmark *points, guint group, GonioPoint *center,
              double *side)
{
  const GonioModelRefine *r = &s->manifest->refine;
  for (int all = 0; all < 2; all++) {
    GonioPoint low = {INFINITY, INFINITY}, high = {-INFINITY, -INFINITY};
    for (guint k = 0; k < r->group_sizes[group]; k++) {
      const GonioFoundLandmark *p = &points[r->groups[group][k]];
      if ((all == 0 && p->raw < r->min_confidence) || !isfinite (p->position.x))
        continue;
      low = (GonioPoint){MIN (low.x, p->position.x), MIN (low.y, p->position.y)};
      high = (GonioPoint){MAX (high.x, p->position.x), MAX (high.y, p->position.y)};
    }
    if (low.x > high.x)
      continue;
    double longest = MAX (high.x - low.x, high.y - low.y);
    *center = (GonioPoint){0.5 * (low.x + high.x), 0.5 * (low.y + high.y)};
    *side = MAX (longest * r->extent, r->floor * MAX (s->width, s->height));
    return;
  }
  *center = (GonioPoint){0.5 * s->width, 0.5 * s->height};
  *side = MAX (s->width, s->height);
}

/* Closer looks have already found that the picture shows none of the group. */
static gboolean
known_absent (const GonioManifest *m, const GonioFoundLandmark *points, const gboolean *looked,
              guint group)
{
  for (guint k = 0; k < m->refine.group_sizes[group]; k++) {
    guint i = m->refine.groups[group][k];
    if (!looked[i] || points[i].presence >= m->present_threshold)
      return FALSE;
  }
  return TRUE;
}

/* A square's mirror image shows the same samples from right to left. */
static GonioTensor *
mirror_input (const GonioTensor *input, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (input);
  GonioTensor *mirrored = gonio_tensor_new (GONIO_DTYPE_FLOAT, shape, error);
  if (mirrored == NULL)
    return NULL;
  size_t width = (size_t)shape->dims[3], n = (size_t)gonio_tensor_count (input);
  const float *from = gonio_tensor_data (input);
  float *to = gonio_tensor_writable_data (mirrored);
  for (size_t row = 0; row < n; row += width)
    for (size_t x = 0; x < width; x++)
      to[row + x] = from[row + width - 1 - x];
  return mirrored;
}

/* *input: of the same square's plain look; made where that is the one. */
static gboolean
look_at_square (Seeker *s, GonioPoint center, double side, gboolean mirrored, GonioTensor **input,
                GonioFoundLandmark *out, GError **error)
{
  const GonioManifest *m = s->manifest;
  g_autoptr (GonioTransform) frame =
      gonio_model_frame_square (m, center, side, s->degrees, mirrored, error);
  if (frame == NULL)
    return FALSE;
  g_autoptr (GonioTensor) mirror = NULL;
  if (mirrored)
    mirror = mirror_input (*input, error);
  else
    *input = gonio_model_make_input (m, &s->look, frame, error);
  GonioTensor *seen = mirrored ? mirror : *input;
  if (seen == NULL ||
      !look_through (s, frame, MIN (m->input.width, m->input.height) / side, seen, out, error))
    return FALSE;
  for (guint i = 0; mirrored && i < m->n_flip_pairs; i++) {
    GonioFoundLandmark *a = &out[m->flip_pairs[i][0]], *b = &out[m->flip_pairs[i][1]];
    GonioFoundLandmark left = *a;
    *a = *b;
    *b = left;
  }
  return TRUE;
}

/* Mean of two looks, by confidence; what they disagree about adds to the spread. */
static void
average (const GonioManifest *m, GonioFoundLandmark *a, const GonioFoundLandmark *b)
{
  for (guint i = 0; i < m->n_landmarks; i++) {
    GonioPoint p = a[i].position, q = b[i].position;
    double weights = a[i].raw + b[i].raw;
    double share = weights > 0 ? b[i].raw / weights : 0.5;
    double apart = hypot (q.x - p.x, q.y - p.y) * gonio_decode_sigma_scale (&m->output, i);
    a[i].position = (GonioPoint){p.x + share * (q.x - p.x), p.y + share * (q.y - p.y)};
    a[i].sigma = sqrt (0.5 * (a[i].sigma * a[i].sigma + b[i].sigma * b[i].sigma) +
                       0.5 * share * (1 - share) * apart * apart);
    a[i].raw = 0.5 * weights;
    a[i].presence = 0.5 * (a[i].presence + b[i].presence);
  }
}

/* Groups follow each other, so that a later one can start from what an earlier one found. */
static gboolean
look_closer (Seeker *s, GonioFoundLandmark *points, GError **error)
{
  s->look.cache = NULL; /* nobody looks there again */
  const GonioManifest *m = s->manifest;
  g_autofree GonioFoundLandmark *got = g_new (GonioFoundLandmark, m->n_landmarks);
  g_autofree GonioFoundLandmark *mirrored = g_new (GonioFoundLandmark, m->n_landmarks);
  g_autofree gboolean *looked = g_new0 (gboolean, m->n_landmarks);
  for (guint pass = 0; pass < m->refine.passes; pass++)
    for (guint g = 0; g < m->refine.n_groups; g++) {
      if (known_absent (m, points, looked, g))
        continue;
      GonioPoint center = {0, 0};
      double side = 1;
      group_square (s, points, g, &center, &side);
      g_autoptr (GonioTensor) input = NULL;
      if (!look_at_square (s, center, side, FALSE, &input, got, error))
        return FALSE;
      if (m->refine.mirrored) {
        if (!look_at_square (s, center, side, TRUE, &input, mirrored, error))
          return FALSE;
        average (m, got, mirrored);
      }
      for (guint k = 0; k < m->refine.group_sizes[g]; k++) {
        guint i = m->refine.groups[g][k];
        points[i] = got[i];
        looked[i] = TRUE;
      }
    }
  return TRUE;
}

/* The whole picture may look better inverted, and closer looks not: the picture as it is gets its
 * closer looks as well, at the places that the inverted one showed. */
static gboolean
look_closer_both_ways (Seeker *s, GonioFoundLandmark *points, GError **error)
{
  guint n = s->manifest->n_landmarks;
  g_autofree GonioFoundLandmark *plain = g_memdup2 (points, n * sizeof *points);
  if (!look_closer (s, points, error))
    return FALSE;
  s->look.invert = FALSE;
  if (!look_closer (s, plain, error))
    return FALSE;
  double inverted = mean_raw (points, n), as_is = mean_raw (plain, n);
  g_debug ("closer looks: mean confidence %.3f, inverted %.3f", as_is, inverted);
  s->look.invert = inverted >= as_is * inverted_must_beat (s);
  if (!s->look.invert)
    memcpy (points, plain, n * sizeof *points);
  return TRUE;
}

/* Does the picture show the view? Means over all landmarks, or, where a part is enough, over
 * those said to be present. */
static void
judge (const GonioManifest *m, GonioFind *find)
{
  double confidence = 0, presence = 0;
  guint counted = 0;
  for (guint i = 0; i < find->n; i++) {
    const GonioFoundLandmark *p = &find->points[i];
    find->n_present += p->presence >= m->present_threshold;
    if (m->partial > 0 && p->presence < m->present_threshold)
      continue;
    confidence += p->raw;
    presence += p->presence;
    counted++;
  }
  find->mean_confidence = counted > 0 ? confidence / counted : 0;
  find->mean_presence = counted > 0 ? presence / counted : 0;
  find->accepted = counted > 0 && counted >= m->partial &&
                   find->mean_presence >= m->present_threshold &&
                   find->mean_confidence >= m->accept_confidence;
}

gboolean
gonio_find_landmarks (const GonioFindRequest *request, GCancellable *cancellable, GonioFind *out,
                      GError **error)
{
  const GonioManifest *m = gonio_model_manifest (request->model);
  Seeker s = {.request = request,
              .manifest = m,
              .look = {.image = request->image, .window = request->window},
              .width = gonio_image_width (request->image),
              .height = gonio_image_height (request->image),
              .expected_runs =
                  2 + m->refine.n_groups * m->refine.passes * (m->refine.mirrored ? 2 : 1),
              .cancellable = cancellable};
  g_auto (GonioFind)
      find = {.points = g_new0 (GonioFoundLandmark, m->n_landmarks), .n = m->n_landmarks};
  if (!first_look (&s, find.points, &find.quarter_turns, error))
    return FALSE;
  gboolean either = s.look.invert && find.quarter_turns == 0;
  if (m->refine.passes > 0 && (request->forced || worth_a_closer_look (m, &find)) &&
      !(either ? look_closer_both_ways : look_closer) (&s, find.points, error))
    return FALSE;
  find.inverted = s.look.invert;
  judge (m, &find);
  g_debug ("%s: presence %.3f, confidence %.3f, %u runs", m->id, find.mean_presence,
           find.mean_confidence, s.runs);
  for (guint i = 0; i < find.n; i++) {
    GonioFoundLandmark *p = &find.points[i];
    p->confidence = p->presence >= m->present_threshold ? gonio_manifest_calibrate (m, p->raw) : 0;
  }
  *out = find;
  find.points = NULL;
  return TRUE;
}
