/* What the shipped protocols measure: angles built to known values, invariance under thousands
 * of random moves, identities, sides, uncertainty. */
#include "core/base/error.h"
#include "core/measure/geometry.h"
#include "core/measure/protocol.h"

#include <math.h>
#include <string.h>

#define ROUNDS                       2000
#define assert_near(a, b, tolerance) g_assert_cmpfloat_with_epsilon (a, b, tolerance)

static GonioProtocol *
load (const char *id)
{
  g_autofree char *path = g_strdup_printf (GONIO_SOURCE_DIR "/resources/protocols/%s.json", id);
  g_autoptr (GError) error = NULL;
  GonioProtocol *protocol = gonio_protocol_load (path, &error);
  g_assert_no_error (error);
  return protocol;
}

static void
put (GonioResult *result, const char *id, double x, double y)
{
  GonioLandmark *l = gonio_result_landmark (result, id);
  if (l == NULL) {
    l = gonio_landmark_new (id);
    g_ptr_array_add (result->landmarks, l);
  }
  l->position = (GonioPoint){x, y};
  l->confidence = 1;
}

/* Angle from distal towards lateral of a right foot or leg; up: distal is up on the screen. */
typedef struct {
  GonioResult *result;
  double x, y;
  gboolean up;
} Pen;

static GonioPoint
heading (const Pen *pen, double degrees)
{
  double a = degrees * G_PI / 180;
  return pen->up ? (GonioPoint){sin (a), -cos (a)} : (GonioPoint){-sin (a), cos (a)};
}

static void
segment (Pen *pen, const char *from, const char *to, double x, double y, double degrees,
         double length)
{
  GonioPoint u = heading (pen, degrees);
  put (pen->result, from, pen->x + x, pen->y + y);
  put (pen->result, to, pen->x + x + u.x * length, pen->y + y + u.y * length);
}

/* A right foot with the given angles. */
static GonioResult *
make_foot (double mt1, double hva, double ima, double hvi, double dmaa)
{
  Pen pen = {.result = gonio_result_new ("foot"), .x = 300, .y = 700, .up = TRUE};
  segment (&pen, "mt1_prox", "mt1_dist", 0, 0, mt1, 180);
  segment (&pen, "ph1_prox", "ph1_dist", 5, -250, mt1 + hva, 60);
  segment (&pen, "dp1_prox", "dp1_dist", 9, -340, mt1 + hva + hvi, 40);
  segment (&pen, "mt2_prox", "mt2_dist", 120, -20, mt1 + ima, 200);
  segment (&pen, "mt1_head_med", "mt1_head_lat", -40, -210, mt1 + dmaa + 90, 80);
  return pen.result;
}

static void
measure (GonioProtocol *protocol, GonioResult *result, const GonioTransform *to_flat,
         const GonioSpacing *spacing)
{
  g_autoptr (GError) error = NULL;
  gboolean done = gonio_protocol_measure_all (protocol, result, to_flat, spacing, &error);
  g_assert_no_error (error);
  g_assert_true (done);
  g_assert_cmpuint (result->measures->len, ==, gonio_protocol_n_measures (protocol));
}

static double
value_of (GonioResult *result, const char *id)
{
  GonioMeasurement *m = gonio_result_measure (result, id);
  g_assert_nonnull (m);
  if (!m->valid)
    g_error ("%s: %s", id, m->problem);
  return m->value;
}

/* ---- built to known values ---- */

static void
test_foot_values (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  for (int i = 0; i < ROUNDS; i++) {
    double mt1 = g_test_rand_double_range (-20, 20), hva = g_test_rand_double_range (-30, 80);
    double ima = g_test_rand_double_range (0, 30), hvi = g_test_rand_double_range (-30, 40);
    double dmaa = g_test_rand_double_range (-30, 40);
    g_autoptr (GonioResult) foot = make_foot (mt1, hva, ima, hvi, dmaa);
    measure (protocol, foot, NULL, NULL);
    assert_near (value_of (foot, "hva"), hva, 1e-6);
    assert_near (value_of (foot, "ima"), ima, 1e-6);
    assert_near (value_of (foot, "hvi"), hvi, 1e-6);
    assert_near (value_of (foot, "dmaa"), dmaa, 1e-6);
    g_assert_cmpint (foot->side, ==, GONIO_SIDE_RIGHT);
    g_assert_cmpstr (foot->side_source, ==, "landmarks");
    g_assert_cmpstr (foot->protocol, ==, "foot-dp");
  }
}

/* One leg about the knee; all angles in the sense distal -> lateral of a right leg. */
static void
make_leg_side (GonioResult *result, gboolean right, double knee_x, double hka, double mldfa,
               double mpta, double ldta, double atfa, double scale)
{
  Pen pen = {.result = gonio_result_new ("leg"), .x = 0, .y = 0, .up = FALSE};
  double femur = g_test_rand_double_range (-8, 8), tibia = femur + hka - 180;
  GonioPoint up = heading (&pen, femur), down = heading (&pen, tibia);
  put (pen.result, "knee_c_*", 0, 0);
  put (pen.result, "hip_c_*", -up.x * 400, -up.y * 400);
  put (pen.result, "ankle_c_*", down.x * 370, down.y * 370);
  /* condyles: medial to lateral; the lateral angle to the proximal axis is mLDFA */
  segment (&pen, "cond_med_*", "cond_lat_*", 24, 8, femur + 180 - mldfa, 50);
  segment (&pen, "plat_med_*", "plat_lat_*", 24, 14, tibia + 180 - mpta, 50);
  segment (&pen, "plaf_med_*", "plaf_lat_*", down.x * 370 + 12, down.y * 370, tibia + 180 - ldta,
           25);
  segment (&pen, "fem_prox_*", "fem_dist_*", -20, -300, femur - 5, 150);
  segment (&pen, "tib_prox_*", "tib_dist_*", 3, 80, femur - 5 + atfa, 180);
  for (guint i = 0; i < pen.result->landmarks->len; i++) {
    GonioLandmark *l = pen.result->landmarks->pdata[i];
    g_autofree char *base = g_strndup (l->id, strlen (l->id) - 1);
    g_autofree char *id = g_strconcat (base, right ? "r" : "l", NULL);
    double x = right ? l->position.x : -l->position.x;
    put (result, id, 500 + scale * (x + knee_x), 500 + scale * l->position.y);
  }
  gonio_result_unref (pen.result);
}

typedef struct {
  double hka, mldfa, mpta, ldta, atfa;
} Leg;

static Leg
random_leg (void)
{
  return (Leg){.hka = g_test_rand_double_range (160, 200),
               .mldfa = g_test_rand_double_range (75, 105),
               .mpta = g_test_rand_double_range (75, 105),
               .ldta = g_test_rand_double_range (75, 105),
               .atfa = g_test_rand_double_range (-20, 25)};
}

static void
add_leg (GonioResult *result, gboolean right, const Leg *leg)
{
  make_leg_side (result, right, right ? -150 : -150, leg->hka, leg->mldfa, leg->mpta, leg->ldta,
                 leg->atfa, 1);
}

static void
check_leg (GonioResult *result, const char *side, const Leg *leg)
{
#define VALUE(name) value_of (result, g_strcmp0 (side, "r") == 0 ? name "_r" : name "_l")
  assert_near (VALUE ("hka"), leg->hka, 1e-6);
  assert_near (VALUE ("mldfa"), leg->mldfa, 1e-6);
  assert_near (VALUE ("mpta"), leg->mpta, 1e-6);
  assert_near (VALUE ("ldta"), leg->ldta, 1e-6);
  assert_near (VALUE ("atfa"), leg->atfa, 1e-6);
  assert_near (VALUE ("ahka"), leg->mpta - leg->mldfa, 1e-6);
  /* The mechanical axes differ by what femur, joint line and tibia contribute. */
  assert_near (VALUE ("hka"), 180 + VALUE ("mpta") - VALUE ("mldfa") - VALUE ("jlca"), 1e-6);
#undef VALUE
}

static void
test_leg_values (void)
{
  g_autoptr (GonioProtocol) protocol = load ("leg-ap");
  for (int i = 0; i < ROUNDS; i++) {
    g_autoptr (GonioResult) result = gonio_result_new ("legs");
    Leg right = random_leg (), left = random_leg ();
    add_leg (result, TRUE, &right);
    add_leg (result, FALSE, &left);
    measure (protocol, result, NULL, NULL);
    check_leg (result, "r", &right);
    check_leg (result, "l", &left);
    g_assert_cmpint (result->side, ==, GONIO_SIDE_BOTH);
    g_assert_null (gonio_protocol_check_side (protocol, result, NULL));
  }
}

static void
test_single_leg (void)
{
  g_autoptr (GonioProtocol) protocol = load ("leg-ap");
  g_autoptr (GonioResult) result = gonio_result_new ("leg");
  Leg left = random_leg ();
  add_leg (result, FALSE, &left);
  measure (protocol, result, NULL, NULL);
  check_leg (result, "l", &left);
  g_assert_cmpint (result->side, ==, GONIO_SIDE_LEFT);
  GonioMeasurement *other = gonio_result_measure (result, "hka_r");
  g_assert_false (other->valid);
  g_assert_true (isnan (other->value));
  g_assert_cmpstr (other->problem, ==, "landmark not found: right hip centre");
}

static void
test_leg_lengths (void)
{
  g_autoptr (GonioProtocol) protocol = load ("leg-ap");
  static const struct {
    GonioSpacingSource source;
    const char *words; /* NULL: calibrated */
  } cases[] = {{GONIO_SPACING_NONE, "not calibrated"},
               {GONIO_SPACING_DETECTOR, "detector"},
               {GONIO_SPACING_UNKNOWN, "does not say how"},
               {GONIO_SPACING_GEOMETRY, NULL},
               {GONIO_SPACING_FIDUCIAL, NULL},
               {GONIO_SPACING_USER, NULL}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GonioResult) result = gonio_result_new ("legs");
    make_leg_side (result, TRUE, -150, 180, 90, 90, 90, 5, 1);
    make_leg_side (result, FALSE, -150, 180, 90, 90, 90, 5, 0.98);
    GonioSpacing spacing = {.row_mm = 1.2, .column_mm = 1.2, .source = cases[i].source};
    measure (protocol, result, NULL, &spacing);
    GonioMeasurement *length = gonio_result_measure (result, "length_r");
    g_assert_true (gonio_result_measure (result, "hka_r")->valid);
    g_assert_cmpint (length->valid, ==, cases[i].words == NULL);
    g_assert_cmpint (gonio_result_measure (result, "lld")->valid, ==, cases[i].words == NULL);
    g_assert_cmpint (gonio_result_measure (result, "mad_l")->valid, ==, cases[i].words == NULL);
    if (cases[i].words != NULL) {
      g_assert_nonnull (strstr (length->problem, cases[i].words));
      continue;
    }
    assert_near (length->value, 770 * 1.2, 1e-6);
    assert_near (value_of (result, "lld"), 770 * 1.2 * 0.02, 1e-6);
    assert_near (value_of (result, "mad_r"), 0, 1e-6);
  }
}

/* Bow legs: the weight-bearing line passes medially of the knee, on both sides. */
static void
test_axis_deviation_sign (void)
{
  g_autoptr (GonioProtocol) protocol = load ("leg-ap");
  GonioSpacing spacing = {.row_mm = 1, .column_mm = 1, .source = GONIO_SPACING_USER};
  for (int i = 0; i < 200; i++) {
    g_autoptr (GonioResult) result = gonio_result_new ("legs");
    double hka = g_test_rand_double_range (160, 200);
    make_leg_side (result, TRUE, -150, hka, 90, 90, 90, 5, 1);
    make_leg_side (result, FALSE, -150, hka, 90, 90, 90, 5, 1);
    measure (protocol, result, NULL, &spacing);
    double expected = sin ((180 - hka) * G_PI / 180) * 400 * 370 /
                      gonio_point_distance (gonio_result_landmark (result, "hip_c_r")->position,
                                            gonio_result_landmark (result, "ankle_c_r")->position);
    assert_near (value_of (result, "mad_r"), expected, 1e-6);
    assert_near (value_of (result, "mad_l"), expected, 1e-6);
  }
}

static void
put_hip (GonioResult *result, gboolean right, double sharp, double lcea, double tonnis, double nsa)
{
  /* Right side: lateral is -x, cranial is -y. */
  double m = right ? -1 : 1, d = G_PI / 180;
  GonioPoint tear = {m * 60, 0};
  GonioPoint roof = {tear.x + m * 110 * cos (sharp * d), tear.y - 110 * sin (sharp * d)};
  GonioPoint head = {roof.x - m * 50 * sin (lcea * d), roof.y + 50 * cos (lcea * d)};
  const char *s = right ? "r" : "l";
  GonioPoint points[7] = {head, roof, [3] = tear};
  points[2] =
      (GonioPoint){points[1].x - m * 30 * cos (tonnis * d), points[1].y + 30 * sin (tonnis * d)};
  double shaft = g_test_rand_double_range (-10, 10);
  points[5] = (GonioPoint){head.x + m * 40, head.y + 80};
  points[6] =
      (GonioPoint){points[5].x + m * 100 * sin (shaft * d), points[5].y + 100 * cos (shaft * d)};
  double neck = (180 - nsa) * d + shaft * d; /* from the shaft's cranial direction, medially */
  points[4] = (GonioPoint){head.x + m * 40 * sin (neck), head.y + 40 * cos (neck)};
  static const char *const names[] = {"head_c",   "roof_lat",   "sourcil_med", "teardrop",
                                      "neck_mid", "shaft_prox", "shaft_dist"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *id = g_strdup_printf ("%s_%s", names[i], s);
    put (result, id, 600 + points[i].x, 500 + points[i].y);
  }
}

static void
test_pelvis_values (void)
{
  g_autoptr (GonioProtocol) protocol = load ("pelvis-ap");
  for (int i = 0; i < ROUNDS; i++) {
    g_autoptr (GonioResult) result = gonio_result_new ("pelvis");
    double v[2][4];
    for (guint s = 0; s < 2; s++) {
      v[s][0] = g_test_rand_double_range (28, 55);
      v[s][1] = g_test_rand_double_range (-20, 45);
      v[s][2] = g_test_rand_double_range (-15, 40);
      v[s][3] = g_test_rand_double_range (95, 165);
      put_hip (result, s == 0, v[s][0], v[s][1], v[s][2], v[s][3]);
    }
    measure (protocol, result, NULL, NULL);
    for (guint s = 0; s < 2; s++) {
      assert_near (value_of (result, s == 0 ? "sharp_r" : "sharp_l"), v[s][0], 1e-6);
      assert_near (value_of (result, s == 0 ? "lcea_r" : "lcea_l"), v[s][1], 1e-6);
      assert_near (value_of (result, s == 0 ? "tonnis_r" : "tonnis_l"), v[s][2], 1e-6);
      assert_near (value_of (result, s == 0 ? "nsa_r" : "nsa_l"), v[s][3], 1e-6);
    }
    assert_near (value_of (result, "obliquity"), 0, 1e-6);
    g_assert_null (gonio_protocol_check_side (protocol, result, NULL));
  }
}

/* ---- invariance ---- */

typedef struct {
  double angle, scale, dx, dy;
  gboolean mirror;
} Move;

static GonioPoint
moved (const Move *m, GonioPoint p)
{
  double a = m->angle * G_PI / 180, x = m->mirror ? -p.x : p.x;
  return (GonioPoint){m->scale * (cos (a) * x - sin (a) * p.y) + m->dx,
                      m->scale * (sin (a) * x + cos (a) * p.y) + m->dy};
}

/* Moves every landmark and shuffles their order. */
static GonioResult *
move_result (GonioResult *from, const Move *move)
{
  GonioResult *to = gonio_result_new (from->file);
  for (guint i = 0; i < from->landmarks->len; i++) {
    const GonioLandmark *l = from->landmarks->pdata[i];
    GonioPoint p = moved (move, l->position);
    put (to, l->id, p.x, p.y);
  }
  for (guint i = to->landmarks->len; i > 1; i--) {
    guint k = (guint)g_test_rand_int_range (0, (int)i);
    gpointer swap = to->landmarks->pdata[i - 1];
    to->landmarks->pdata[i - 1] = to->landmarks->pdata[k];
    to->landmarks->pdata[k] = swap;
  }
  return to;
}

static GonioResult *
random_picture (const char *id)
{
  GonioResult *result = NULL;
  if (g_str_equal (id, "foot-dp"))
    return make_foot (g_test_rand_double_range (-20, 20), g_test_rand_double_range (-30, 80),
                      g_test_rand_double_range (0, 30), g_test_rand_double_range (-30, 40),
                      g_test_rand_double_range (-30, 40));
  result = gonio_result_new (id);
  for (guint s = 0; s < 2; s++)
    if (g_str_equal (id, "leg-ap")) {
      Leg leg = random_leg ();
      add_leg (result, s == 0, &leg);
    } else {
      put_hip (result, s == 0, g_test_rand_double_range (28, 55),
               g_test_rand_double_range (-20, 45), g_test_rand_double_range (-15, 40),
               g_test_rand_double_range (95, 165));
    }
  return result;
}

static void
compare_values (GonioResult *a, GonioResult *b, double mm_factor, gboolean upright)
{
  for (guint i = 0; i < a->measures->len; i++) {
    const GonioMeasurement *x = a->measures->pdata[i], *y = b->measures->pdata[i];
    g_assert_cmpstr (x->id, ==, y->id);
    g_assert_cmpint (x->valid, ==, y->valid);
    if (!x->valid || (!upright && g_str_equal (x->id, "obliquity")))
      continue;
    if (g_str_equal (x->unit, "mm"))
      assert_near (x->value * mm_factor, y->value, 1e-6 * (1 + fabs (y->value)));
    else
      assert_near (gonio_angle_wrap (x->value - y->value), 0, 1e-6);
  }
}

static void
test_invariance (gconstpointer data)
{
  const char *id = data;
  g_autoptr (GonioProtocol) protocol = load (id);
  GonioSpacing square = {.row_mm = 0.5, .column_mm = 0.5, .source = GONIO_SPACING_USER};
  for (int i = 0; i < ROUNDS; i++) {
    g_autoptr (GonioResult) base = random_picture (id);
    measure (protocol, base, NULL, &square);
    Move move = {.angle = g_test_rand_double_range (0, 360),
                 .scale = exp (g_test_rand_double_range (-2, 2)),
                 .dx = g_test_rand_double_range (-3000, 3000),
                 .dy = g_test_rand_double_range (-3000, 3000),
                 .mirror = g_test_rand_bit () != 0};
    gboolean upright = g_test_rand_bit () != 0;
    if (upright)
      move.angle = 90 * g_test_rand_int_range (0, 4);
    g_autoptr (GonioResult) other = move_result (base, &move);
    measure (protocol, other, NULL, &square);
    compare_values (base, other, move.scale, upright);
    if (g_str_equal (id, "foot-dp"))
      g_assert_cmpint (other->side, ==, move.mirror ? GONIO_SIDE_LEFT : GONIO_SIDE_RIGHT);
    g_autofree char *warning = gonio_protocol_check_side (protocol, other, NULL);
    gboolean relabelled = g_str_equal (id, "foot-dp");
    g_assert_cmpint (warning != NULL, ==, move.mirror && !relabelled);
  }
}

/* Pictures with other spacing in rows than in columns give the same angles and lengths. */
static void
test_anisotropic (gconstpointer data)
{
  const char *id = data;
  g_autoptr (GonioProtocol) protocol = load (id);
  GonioSpacing square = {.row_mm = 1, .column_mm = 1, .source = GONIO_SPACING_USER};
  for (int i = 0; i < ROUNDS; i++) {
    g_autoptr (GonioResult) base = random_picture (id);
    measure (protocol, base, NULL, &square);
    GonioSpacing spacing = {.row_mm = exp (g_test_rand_double_range (-2, 2)),
                            .column_mm = exp (g_test_rand_double_range (-2, 2)),
                            .source = GONIO_SPACING_USER};
    g_autoptr (GonioResult) other = gonio_result_copy (base);
    for (guint k = 0; k < other->landmarks->len; k++) {
      GonioLandmark *l = other->landmarks->pdata[k];
      l->position.x /= spacing.column_mm;
      l->position.y /= spacing.row_mm;
    }
    measure (protocol, other, NULL, &spacing);
    compare_values (base, other, 1, TRUE);
  }
}

/* A picture photographed askew measures the same through its rectification. */
static void
test_through_homography (gconstpointer data)
{
  const char *id = data;
  g_autoptr (GonioProtocol) protocol = load (id);
  for (int i = 0; i < 300; i++) {
    g_autoptr (GonioResult) base = random_picture (id);
    measure (protocol, base, NULL, NULL);
    GonioPoint corners[4] = {{100, 120}, {1300, 60}, {1400, 1500}, {40, 1400}};
    for (guint k = 0; k < 4; k++) {
      corners[k].x += g_test_rand_double_range (-40, 40);
      corners[k].y += g_test_rand_double_range (-40, 40);
    }
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTransform) to_flat = gonio_transform_new_quad (corners, 1200, 1500, &error);
    g_assert_no_error (error);
    g_autoptr (GonioResult) askew = gonio_result_copy (base);
    for (guint k = 0; k < askew->landmarks->len; k++) {
      GonioLandmark *l = askew->landmarks->pdata[k];
      g_assert_true (gonio_transform_inverse (to_flat, l->position, &l->position));
    }
    measure (protocol, askew, to_flat, NULL);
    compare_values (base, askew, 1, TRUE);
    /* Lines to draw lie on the original picture: at the landmarks they go through. */
    g_autoptr (GArray) lines = gonio_protocol_lines (protocol, askew, to_flat);
    g_assert_cmpuint (lines->len, >, 3);
    const GonioOverlayLine *line = &g_array_index (lines, GonioOverlayLine, 0);
    double nearest = INFINITY;
    for (guint k = 0; k < askew->landmarks->len; k++)
      nearest =
          MIN (nearest, gonio_point_distance (
                            line->p[0], ((GonioLandmark *)askew->landmarks->pdata[k])->position));
    g_assert_cmpfloat (nearest, <, 1e-5);
  }
}

/* ---- side ---- */

static void
test_stated_side (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (0, 30, 12, 5, 3);
  foot->side = GONIO_SIDE_LEFT;
  foot->side_source = g_strdup ("dicom");
  measure (protocol, foot, NULL, NULL);
  /* The file's word stays, the angle is right all the same, and the contradiction is told. */
  g_assert_cmpint (foot->side, ==, GONIO_SIDE_LEFT);
  g_assert_cmpstr (foot->side_source, ==, "dicom");
  assert_near (value_of (foot, "hva"), 30, 1e-6);
  g_autofree char *warning = gonio_protocol_check_side (protocol, foot, NULL);
  g_assert_nonnull (warning);
  g_assert_nonnull (strstr (warning, "mirrored"));
}

/* ---- confidence and problems ---- */

/* An angle that no bone has is doubtful however certain the points are, unless a person set them.
 */
static void
test_absurd_value (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (0, 98, 12, 5, 3);
  measure (protocol, foot, NULL, NULL);
  g_assert_true (gonio_result_measure (foot, "hva")->valid);
  g_assert_true (gonio_result_measure (foot, "hva")->low_confidence);
  g_assert_false (gonio_result_measure (foot, "ima")->low_confidence);
  for (guint i = 0; i < foot->landmarks->len; i++)
    ((GonioLandmark *)foot->landmarks->pdata[i])->edited = TRUE;
  measure (protocol, foot, NULL, NULL);
  g_assert_false (gonio_result_measure (foot, "hva")->low_confidence);
}

static void
test_confidence (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (0, 30, 12, 5, 3);
  gonio_result_landmark (foot, "mt2_dist")->confidence = 0.4;
  measure (protocol, foot, NULL, NULL);
  g_assert_true (gonio_result_measure (foot, "ima")->low_confidence);
  g_assert_true (gonio_result_measure (foot, "ima")->valid);
  g_assert_false (gonio_result_measure (foot, "hva")->low_confidence);

  gonio_result_landmark (foot, "mt2_dist")->confidence = 0.1;
  gonio_result_landmark (foot, "ph1_dist")->skipped = TRUE;
  gonio_result_landmark (foot, "mt1_head_lat")->position.x = NAN;
  measure (protocol, foot, NULL, NULL);
  g_assert_cmpstr (gonio_result_measure (foot, "ima")->problem, ==,
                   "landmark not found: second metatarsal, distal point");
  g_assert_cmpstr (gonio_result_measure (foot, "hva")->problem, ==,
                   "landmark not found: proximal phalanx of the great toe, distal point");
  g_assert_false (gonio_result_measure (foot, "dmaa")->valid);
  g_assert_false (gonio_result_measure (foot, "hvi")->valid);
}

/* One pair of points after another says where lateral is; without any the sign is open. */
static void
test_side_without_landmarks (void)
{
  static const char *const gone[] = {NULL, "mt2_dist", "mt2_prox"};
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (0, 30, 12, 5, 3);
  for (guint i = 0; i < G_N_ELEMENTS (gone); i++) {
    if (gone[i] != NULL)
      gonio_result_landmark (foot, gone[i])->confidence = 0;
    measure (protocol, foot, NULL, NULL);
    g_assert_cmpint (foot->side, ==, GONIO_SIDE_RIGHT);
    assert_near (value_of (foot, "hva"), 30, 1e-6);
    assert_near (value_of (foot, "hvi"), 5, 1e-6);
  }
  gonio_result_landmark (foot, "mt1_head_med")->confidence = 0;
  measure (protocol, foot, NULL, NULL);
  g_assert_cmpint (foot->side, ==, GONIO_SIDE_UNKNOWN);
  g_assert_cmpstr (gonio_result_measure (foot, "hva")->problem, ==,
                   "the side is not known, so the sign is not either");
}

static void
test_degenerate (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (0, 30, 12, 5, 3);
  GonioLandmark *a = gonio_result_landmark (foot, "ph1_prox");
  gonio_result_landmark (foot, "ph1_dist")->position = a->position;
  measure (protocol, foot, NULL, NULL);
  GonioMeasurement *hva = gonio_result_measure (foot, "hva");
  g_assert_false (hva->valid);
  g_assert_cmpstr (
      hva->problem, ==,
      "points too close together to give a line: axis of the proximal phalanx of the great toe");
  g_assert_true (gonio_result_measure (foot, "ima")->valid);
}

static void
test_zero_is_a_value (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (0, 0, 5, 0, 0);
  measure (protocol, foot, NULL, NULL);
  assert_near (value_of (foot, "hva"), 0, 1e-9);
  int index = gonio_protocol_find_measure (protocol, "hva");
  g_autofree char *zero = gonio_protocol_format_value (protocol, (guint)index, -0.2);
  g_assert_cmpstr (zero, ==, "0°");
  g_autofree char *text = gonio_protocol_format_value (protocol, (guint)index, 31.4);
  g_assert_cmpstr (text, ==, "31°");
}

static void
test_grades (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  static const struct {
    double hva;
    const char *grade;
    gboolean within;
  } cases[] = {{-5, "normal", TRUE},   {14.4, "normal", TRUE},    {14.6, "mild", FALSE},
               {20.4, "mild", FALSE},  {20.6, "moderate", FALSE}, {39.4, "moderate", FALSE},
               {39.6, "severe", FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GonioResult) foot = make_foot (0, cases[i].hva, 12, 5, 3);
    measure (protocol, foot, NULL, NULL);
    GonioMeasurement *m = gonio_result_measure (foot, "hva");
    g_assert_cmpstr (m->grade, ==, cases[i].grade);
    g_assert_cmpint (m->in_reference, ==, cases[i].within);
    g_assert_cmpfloat (m->reference_high, ==, 15);
    g_assert_cmpfloat (m->human_error, ==, 5);
  }
}

/* ---- uncertainty ---- */

static double
gauss (void)
{
  double u = g_test_rand_double_range (1e-12, 1), v = g_test_rand_double ();
  return sqrt (-2 * log (u)) * cos (2 * G_PI * v);
}

static void
test_uncertainty (gconstpointer data)
{
  const char *id = data;
  enum { SHOTS = 3000 };
  g_autoptr (GonioProtocol) protocol = load (id);
  GonioPoint corners[4] = {{90, 130}, {1330, 20}, {1420, 1540}, {20, 1380}};
  g_autoptr (GonioTransform) askew = gonio_transform_new_quad (corners, 1200, 1500, NULL);
  for (int round = 0; round < 3; round++) {
    const GonioTransform *to_flat = round == 2 ? askew : NULL;
    g_autoptr (GonioResult) base = random_picture (id);
    for (guint k = 0; k < base->landmarks->len; k++)
      ((GonioLandmark *)base->landmarks->pdata[k])->sigma = g_test_rand_double_range (0.1, 0.8);
    measure (protocol, base, to_flat, NULL);
    guint n = base->measures->len;
    g_autofree double *sum = g_new0 (double, n);
    for (int shot = 0; shot < SHOTS; shot++) {
      g_autoptr (GonioResult) other = gonio_result_copy (base);
      for (guint k = 0; k < other->landmarks->len; k++) {
        GonioLandmark *l = other->landmarks->pdata[k];
        l->position.x += l->sigma * gauss ();
        l->position.y += l->sigma * gauss ();
        l->sigma = 0;
      }
      measure (protocol, other, to_flat, NULL);
      for (guint k = 0; k < n; k++) {
        const GonioMeasurement *a = base->measures->pdata[k], *b = other->measures->pdata[k];
        double d = gonio_angle_wrap (b->value - a->value);
        sum[k] += a->valid ? d * d : 0;
        g_assert_true (!b->valid || b->se == 0);
      }
    }
    for (guint k = 0; k < n; k++) {
      const GonioMeasurement *m = base->measures->pdata[k];
      if (m->valid)
        g_assert_cmpfloat (fabs (sqrt (sum[k] / SHOTS) / m->se - 1), <, 0.12);
    }
  }
}

/* Two points L apart, each off by s per axis: sqrt (2) s / L radians (clinical convention). */
static void
test_uncertainty_formula (void)
{
  g_autoptr (GonioProtocol) protocol = load ("foot-dp");
  g_autoptr (GonioResult) foot = make_foot (3, 20, 10, 5, 3);
  for (guint k = 0; k < foot->landmarks->len; k++)
    ((GonioLandmark *)foot->landmarks->pdata[k])->sigma = 0.5;
  measure (protocol, foot, NULL, NULL);
  double mt1 = sqrt (2) * 0.5 / 180, ph1 = sqrt (2) * 0.5 / 60;
  assert_near (gonio_result_measure (foot, "hva")->se, hypot (mt1, ph1) * 180 / G_PI, 1e-4);
}

static void
test_other_protocol (void)
{
  g_autoptr (GonioProtocol) foot = load ("foot-dp"), leg = load ("leg-ap");
  g_autoptr (GonioResult) result = make_foot (0, 10, 10, 0, 0);
  measure (foot, result, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_assert_false (gonio_protocol_measure_all (leg, result, NULL, NULL, &error));
  g_assert_error (error, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_PROTOCOL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/measure/foot-values", test_foot_values);
  g_test_add_func ("/measure/leg-values", test_leg_values);
  g_test_add_func ("/measure/single-leg", test_single_leg);
  g_test_add_func ("/measure/leg-lengths", test_leg_lengths);
  g_test_add_func ("/measure/axis-deviation-sign", test_axis_deviation_sign);
  g_test_add_func ("/measure/pelvis-values", test_pelvis_values);
  static const char *const ids[] = {"foot-dp", "pelvis-ap", "leg-ap"};
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    static const struct {
      const char *name;
      GTestDataFunc run;
    } each[] = {{"invariance", test_invariance},
                {"anisotropic", test_anisotropic},
                {"through-homography", test_through_homography},
                {"uncertainty", test_uncertainty}};
    for (guint k = 0; k < G_N_ELEMENTS (each); k++) {
      g_autofree char *path = g_strdup_printf ("/measure/%s/%s", each[k].name, ids[i]);
      g_test_add_data_func (path, ids[i], each[k].run);
    }
  }
  g_test_add_func ("/measure/stated-side", test_stated_side);
  g_test_add_func ("/measure/confidence", test_confidence);
  g_test_add_func ("/measure/side-without-landmarks", test_side_without_landmarks);
  g_test_add_func ("/measure/absurd-value", test_absurd_value);
  g_test_add_func ("/measure/degenerate", test_degenerate);
  g_test_add_func ("/measure/zero-is-a-value", test_zero_is_a_value);
  g_test_add_func ("/measure/grades", test_grades);
  g_test_add_func ("/measure/uncertainty-formula", test_uncertainty_formula);
  g_test_add_func ("/measure/other-protocol", test_other_protocol);
  return g_test_run ();
}
