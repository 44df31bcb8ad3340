/* Protocol files: texts, every kind of construction, errors that name their place, damage. */
#include "core/base/error.h"
#include "core/measure/protocol.h"

#include <math.h>
#include <string.h>

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

static void
test_texts (void)
{
  static const char *const ids[] = {"foot-dp", "pelvis-ap", "leg-ap"};
  static const guint landmarks[] = {10, 14, 26}, measures[] = {4, 9, 19};
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    g_autoptr (GonioProtocol) p = load (ids[i]);
    g_assert_cmpstr (gonio_protocol_id (p), ==, ids[i]);
    g_assert_cmpstr (gonio_protocol_view (p), ==, ids[i]);
    g_assert_cmpuint (gonio_protocol_n_landmarks (p), ==, landmarks[i]);
    g_assert_cmpuint (gonio_protocol_n_measures (p), ==, measures[i]);
    g_assert_cmpstr (gonio_protocol_title (p, "ko_KR"), !=, gonio_protocol_title (p, "en"));
    g_assert_cmpstr (gonio_protocol_title (p, "xx"), ==, gonio_protocol_title (p, NULL));
    for (guint k = 0; k < landmarks[i]; k++) {
      GonioLandmarkText en = gonio_protocol_landmark (p, k, "en");
      GonioLandmarkText ko = gonio_protocol_landmark (p, k, "ko");
      g_assert_cmpstr (en.name, !=, ko.name);
      g_assert_null (strchr (en.name, '{'));
      g_assert_null (strchr (ko.where, '{'));
      g_assert_cmpint (en.side == GONIO_SIDE_UNKNOWN, ==, i == 0);
    }
    for (guint k = 0; k < measures[i]; k++) {
      GonioMeasureText en = gonio_protocol_measure (p, k, "en");
      GonioMeasureText ko = gonio_protocol_measure (p, k, "ko");
      g_assert_cmpstr (en.name, !=, ko.name);
      g_assert_cmpstr (en.definition, !=, ko.definition);
      g_assert_cmpfloat (en.axis_low, <, en.axis_high);
      g_assert_nonnull (gonio_protocol_measure_landmarks (p, k)[0]);
      double last = -INFINITY;
      for (guint g = 0; g < gonio_protocol_n_grades (p, k); g++) {
        GonioGradeText grade = gonio_protocol_grade (p, k, g, "ko");
        g_assert_true (g == 0 ? isnan (grade.low) : grade.low == last);
        last = grade.high;
      }
      g_assert_true (gonio_protocol_n_grades (p, k) == 0 || isnan (last));
    }
  }
}

/* Every kind of construction and measure, on points whose answers are plain to see. */
static const char all_kinds[] =
    "{\"format\":1,\"id\":\"t\",\"version\":\"1\",\"title\":{\"en\":\"T\"},\"view\":\"v\","
    "\"sided\":\"one\",\"landmarks\":[%s],\"constructions\":["
    "{\"id\":\"base\",\"kind\":\"line\",\"points\":[\"a\",\"b\"]},"
    "{\"id\":\"fit\",\"kind\":\"axis\",\"points\":[\"a\",\"c1\",\"b\"]},"
    "{\"id\":\"up\",\"kind\":\"line\",\"points\":[\"a\",\"c\"]},"
    "{\"id\":\"mid\",\"kind\":\"midpoint\",\"points\":[\"a\",\"b\"]},"
    "{\"id\":\"ring\",\"kind\":\"circle\",\"points\":[\"c1\",\"c2\",\"c3\",\"c4\"]},"
    "{\"id\":\"touch\",\"kind\":\"tangent\",\"circle\":\"ring\",\"from\":\"a\","
    "\"along\":\"up\"},"
    "{\"id\":\"perp\",\"kind\":\"perpendicular\",\"to\":\"base\",\"through\":\"mid\","
    "\"along\":\"up\"},"
    "{\"id\":\"par\",\"kind\":\"parallel\",\"to\":\"base\",\"through\":\"c\"},"
    "{\"id\":\"cross\",\"kind\":\"intersection\",\"lines\":[\"perp\",\"par\"]},"
    "{\"id\":\"hor\",\"kind\":\"horizontal\",\"along\":\"base\"},"
    "{\"id\":\"ver\",\"kind\":\"vertical\",\"along\":\"up\",\"through\":\"b\"}],"
    "\"measures\":[%s]}";

static char *
all_kinds_text (void)
{
  static const char *const points[] = {"a", "b", "c", "c1", "c2", "c3", "c4"};
  static const struct {
    const char *id, *fields, *unit;
  } measures[] = {
      {"touch", "\"kind\":\"angle\",\"lines\":[\"base\",\"touch\"]", "deg"},
      {"perp", "\"kind\":\"angle\",\"lines\":[\"base\",\"perp\"]", "deg"},
      {"par", "\"kind\":\"angle\",\"lines\":[\"base\",\"par\"]", "deg"},
      {"hor", "\"kind\":\"angle\",\"lines\":[\"base\",\"hor\"]", "deg"},
      {"ver", "\"kind\":\"angle\",\"lines\":[\"hor\",\"ver\"]", "deg"},
      {"vertex", "\"kind\":\"angle-at-vertex\",\"points\":[\"c\",\"a\",\"b\"]", "deg"},
      {"height", "\"kind\":\"distance\",\"points\":[\"c\"],\"to\":\"base\"", "mm"},
      {"rise", "\"kind\":\"distance\",\"points\":[\"mid\",\"cross\"]", "mm"},
      {"ratio", "\"kind\":\"ratio\",\"points\":[\"a\",\"mid\",\"a\",\"b\"]", "ratio"},
      {"centre", "\"kind\":\"distance\",\"points\":[\"ring\",\"a\"]", "mm"},
      {"less", "\"kind\":\"difference\",\"of\":[\"centre\",\"rise\"]", "mm"},
  };
  g_autoptr (GString) landmarks = g_string_new (NULL), rows = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (points); i++)
    g_string_append_printf (landmarks,
                            "%s{\"id\":\"%s\",\"name\":{\"en\":\"n\"},\"where\":{\"en\":\"w\"}}",
                            i > 0 ? "," : "", points[i]);
  for (guint i = 0; i < G_N_ELEMENTS (measures); i++)
    g_string_append_printf (rows,
                            "%s{\"id\":\"%s\",\"abbreviation\":\"X\",\"name\":{\"en\":\"X\"},"
                            "\"definition\":{\"en\":\"d\"},%s,\"unit\":\"%s\",\"decimals\":0,"
                            "\"step\":1,\"axis\":[0,90]}",
                            i > 0 ? "," : "", measures[i].id, measures[i].fields, measures[i].unit);
  g_auto (GStrv) parts = g_strsplit (all_kinds, "%s", 3);
  return g_strconcat (parts[0], landmarks->str, parts[1], rows->str, parts[2], NULL);
}

static void
test_all_kinds (void)
{
  g_autofree char *text = all_kinds_text ();
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioProtocol) p = gonio_protocol_load_bytes (bytes, "t.json", &error);
  g_assert_no_error (error);
  g_autoptr (GonioResult) r = gonio_result_new ("t");
  put (r, "a", 0, 0);
  put (r, "b", 100, 0);
  put (r, "c", 30, 40);
  /* Circle of radius 30 about (60, 0): the tangent from a rises by 30 degrees. */
  put (r, "c1", 30, 0);
  put (r, "c2", 60, 30);
  put (r, "c3", 60, -30);
  put (r, "c4", 90, 0);
  GonioSpacing spacing = {.row_mm = 2, .column_mm = 2, .source = GONIO_SPACING_USER};
  measure (p, r, NULL, &spacing);
  static const struct {
    const char *id;
    double value;
  } expected[] = {{"touch", 30},
                  {"perp", 90},
                  {"par", 0},
                  {"hor", 0},
                  {"ver", 90},
                  {"height", 80},
                  {"rise", 80},
                  {"ratio", 0.5},
                  {"centre", 120},
                  {"less", 40},
                  {"vertex", 53.13010235415598}};
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    assert_near (value_of (r, expected[i].id), expected[i].value, 1e-6);
}

/* A small valid file; each case replaces one piece and expects the words. */
static const char small[] =
    "{\"format\":1,\"id\":\"t\",\"version\":\"1\",\"title\":{\"en\":\"T\"},\"view\":\"v\","
    "\"sided\":\"one\",\"frame\":{\"seen_from\":\"front\",\"lateral\":[\"a\",\"b\"],"
    "\"distal\":[\"a\",\"c\"]},"
    "\"landmarks\":["
    "{\"id\":\"a\",\"name\":{\"en\":\"A\"},\"where\":{\"en\":\"w\"}},"
    "{\"id\":\"b\",\"name\":{\"en\":\"B\"},\"where\":{\"en\":\"w\"}},"
    "{\"id\":\"c\",\"name\":{\"en\":\"C\"},\"where\":{\"en\":\"w\"}}],"
    "\"constructions\":["
    "{\"id\":\"ab\",\"kind\":\"line\",\"points\":[\"a\",\"b\"],\"direction\":\"lateral\"},"
    "{\"id\":\"ac\",\"kind\":\"line\",\"points\":[\"a\",\"c\"]},"
    "{\"id\":\"m\",\"kind\":\"midpoint\",\"points\":[\"a\",\"b\"]},"
    "{\"id\":\"p\",\"kind\":\"perpendicular\",\"to\":\"ab\",\"through\":\"m\",\"along\":\"ac\"}],"
    "\"measures\":[{\"id\":\"x\",\"abbreviation\":\"X\",\"name\":{\"en\":\"X\"},"
    "\"definition\":{\"en\":\"d\"},\"kind\":\"angle\",\"lines\":[\"ab\",\"p\"],"
    "\"positive\":\"distal\",\"unit\":\"deg\",\"decimals\":0,\"step\":1,\"axis\":[0,90]}]}";

static const struct {
  const char *piece, *instead, *words;
} broken[] = {
    {"\"format\":1", "\"format\":2", "t.json: format: 2 is outside 1 to 1"},
    {"\"format\":1", "\"format\":\"1\"", "t.json: format: a whole number is expected"},
    {"\"id\":\"t\"", "\"id\":\"../t\"", "t.json: id: an id is"},
    {"\"view\":\"v\",", "", "t.json: view: this field is missing"},
    {"\"view\":\"v\"", "\"view\":\"v\",\"colour\":1", "t.json: unknown field \"colour\""},
    {"\"title\":{\"en\":\"T\"}", "\"title\":{\"ko\":\"T\"}", "t.json: title: the English text"},
    {"\"title\":{\"en\":\"T\"}", "\"title\":\"T\"", "t.json: title: an object is expected"},
    {"\"sided\":\"one\"", "\"sided\":\"two\"", "t.json: sided: \"two\" is not one of: one, both"},
    {"\"lateral\":[\"a\",\"b\"]", "\"lateral\":[\"a\",\"b\",\"c\"]",
     "t.json: frame.lateral: points come in pairs, here are 3"},
    {"\"lateral\":[\"a\",\"b\"]", "\"lateral\":[\"a\",\"b\",\"c\",\"c\"]",
     "t.json: frame.lateral: no direction leads from a point to itself"},
    {"\"id\":\"b\"", "\"id\":\"a\"", "t.json: landmarks[1]: the id \"a\" is used twice"},
    {"\"id\":\"b\"", "\"id\":\"b_*\"", "t.json: landmarks[1]: '*' stands for a side"},
    {"\"points\":[\"a\",\"c\"]", "\"points\":[\"a\",\"zz\"]",
     "t.json: constructions[1].points[1]: \"zz\" is neither a landmark nor a construction"},
    {"\"points\":[\"a\",\"c\"]", "\"points\":[\"a\"]",
     "t.json: constructions[1].points: 2 to 32 elements are expected here, not 1"},
    {"\"points\":[\"a\",\"c\"]", "\"points\":[\"a\",7]", "constructions[1].points[1]: a text"},
    {"\"points\":[\"a\",\"c\"]", "\"points\":[\"a\",\"a\"]", "points[1]: \"a\" is listed twice"},
    {"\"points\":[\"a\",\"c\"]", "\"points\":[\"a\",\"ab\"]", "points[1]: a point is expected"},
    {"\"kind\":\"midpoint\"", "\"kind\":\"spiral\"",
     "constructions[2].kind: \"spiral\" is not one"},
    {"\"kind\":\"midpoint\"", "\"kind\":\"circle\"", "points: 3 to 32 elements"},
    {"\"to\":\"ab\"", "\"to\":\"a\"", "constructions[3].to: a line is expected here, and \"a\""},
    {"\"to\":\"ab\",", "", "constructions[3].to: this field is missing"},
    {"\"to\":\"ab\"", "\"to\":\"ab\",\"points\":[]", "constructions[3]: unknown field \"points\""},
    {"\"along\":\"ac\"", "\"along\":\"p\"", "constructions: \"p\" depends on itself"},
    {"\"lines\":[\"ab\",\"p\"]", "\"lines\":[\"ab\",\"m\"]", "measures[0].lines[1]: a line is"},
    {"\"positive\":\"distal\"", "\"positive\":\"medial\"", "measures[0].positive: the line \"ab\""},
    {"\"unit\":\"deg\"", "\"unit\":\"mm\"", "measures[0]: unit: \"deg\" is expected"},
    {"\"axis\":[0,90]", "\"axis\":[90,0]", "measures[0].axis: two numbers, the smaller first"},
    {"\"decimals\":0", "\"decimals\":9", "measures[0].decimals: 9 is outside 0 to 3"},
    {"\"kind\":\"angle\"", "\"kind\":\"difference\"", "measures[0]: unknown field \"lines\""},
    {"\"step\":1",
     "\"step\":1,\"grades\":[{\"id\":\"g\",\"label\":{\"en\":\"g\"},\"low\":3,\"high\":2,"
     "\"severity\":0}]",
     "measures[0].grades[0]: low (3) must be below high (2)"},
    {"\"landmarks\":[", "\"landmarks\":[5,", "t.json: landmarks[0]: an object is expected here"},
    {"{\"format\"", "[{\"format\"", "t.json: not JSON"},
};

static GonioProtocol *
load_text (const char *text, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  return gonio_protocol_load_bytes (bytes, "t.json", error);
}

static void
test_errors (void)
{
  g_autoptr (GError) good_error = NULL;
  g_autoptr (GonioProtocol) good = load_text (small, &good_error);
  g_assert_no_error (good_error);
  g_assert_nonnull (good);
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_auto (GStrv) parts = g_strsplit (small, broken[i].piece, 2);
    g_assert_cmpuint (g_strv_length (parts), ==, 2);
    g_autofree char *text = g_strconcat (parts[0], broken[i].instead, parts[1], NULL);
    g_autoptr (GError) error = NULL;
    GonioProtocol *p = load_text (text, &error);
    g_assert_null (p);
    g_assert_error (error, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_PROTOCOL);
    if (strstr (error->message, broken[i].words) == NULL)
      g_error ("case %u: \"%s\" lacks \"%s\"", i, error->message, broken[i].words);
  }
}

/* Random damage never crashes and never loads half a file. */
static void
test_damage (void)
{
  static const char *const ids[] = {"foot-dp", "pelvis-ap", "leg-ap"};
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    g_autofree char *path =
        g_strdup_printf (GONIO_SOURCE_DIR "/resources/protocols/%s.json", ids[i]);
    g_autofree char *text = NULL;
    gsize size = 0;
    g_assert_true (g_file_get_contents (path, &text, &size, NULL));
    for (int round = 0; round < 400; round++) {
      g_autofree char *copy = g_memdup2 (text, size);
      gsize length = round % 4 == 0 ? (gsize)g_test_rand_int_range (0, (int)size) : size;
      for (int k = g_test_rand_int_range (0, 6); k > 0; k--)
        copy[g_test_rand_int_range (0, (int)size)] =
            "{}[],:\"0a*-\xff"[g_test_rand_int_range (0, 12)];
      g_autoptr (GBytes) bytes = g_bytes_new (copy, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (GonioProtocol) p = gonio_protocol_load_bytes (bytes, "damaged", &error);
      g_assert_true ((p == NULL) == (error != NULL));
    }
  }
  g_autoptr (GString) deep = g_string_new (NULL);
  for (int i = 0; i < 100000; i++)
    g_string_append_c (deep, '[');
  g_autoptr (GError) error = NULL;
  g_assert_null (load_text (deep->str, &error));
  g_assert_nonnull (strstr (error->message, "nested deeper"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/protocol/texts", test_texts);
  g_test_add_func ("/protocol/all-kinds", test_all_kinds);
  g_test_add_func ("/protocol/errors", test_errors);
  g_test_add_func ("/protocol/damage", test_damage);
  return g_test_run ();
}
