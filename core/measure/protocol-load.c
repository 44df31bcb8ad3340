/* Protocol files: JSON to GonioProtocol, with every reference resolved. Format:
 * core/measure/README.md. Depends on base/json.h, measure/protocol-private.h.
 *
 * Two passes: the first makes a node per landmark and construction (two where the id holds
 * '*', one for each side), the second resolves what refers to what. */
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/measure/protocol-private.h"

#include <math.h>
#include <string.h>

typedef struct {
  GonioJson *json;
  GonioProtocol *protocol;
  GHashTable *node_ids;    /* id -> index + 1 */
  GHashTable *measure_ids; /* id -> index + 1 */
  GHashTable *side_words;  /* language -> char*[2]: right, left */
  guint next;              /* construction that the second pass is at */
} Loader;

typedef enum { WANT_POINT, WANT_LINE, WANT_CIRCLE } Want;

static const char *const direction_names[] = {"distal", "lateral", "proximal", "medial", NULL};

/* ---- texts and sides ---- */

static void
strv_free (gpointer data)
{
  g_strfreev (data);
}

static void
read_side_words (Loader *l, JsonObject *root)
{
  JsonNode *node = gonio_json_member (l->json, root, "sides", l->protocol->both_sides);
  if (node == NULL)
    return;
  gonio_json_push (l->json, "sides");
  JsonObject *object = gonio_json_object (l->json, node, NULL);
  g_autoptr (GList) languages = object != NULL ? json_object_get_members (object) : NULL;
  for (GList *i = languages; i != NULL; i = i->next) {
    char **words = gonio_json_strv (l->json, object, i->data, TRUE, 2, 2);
    if (words != NULL)
      g_hash_table_insert (l->side_words, g_strdup (i->data), words);
  }
  if (gonio_json_ok (l->json) && !g_hash_table_contains (l->side_words, "en"))
    gonio_json_fail (l->json, "the English words are missing: \"en\": [\"right\", \"left\"]");
  gonio_json_pop (l->json);
}

static char *
replace (const char *text, const char *what, const char *with)
{
  g_auto (GStrv) parts = g_strsplit (text, what, -1);
  return g_strjoinv (with, parts);
}

/* "head_c_*" -> "head_c_r"; '!' is the other side. */
static char *
expand_id (const char *pattern, GonioSide side)
{
  if (side == GONIO_SIDE_UNKNOWN)
    return g_strdup (pattern);
  gboolean right = side == GONIO_SIDE_RIGHT;
  g_autofree char *once = replace (pattern, "*", right ? "r" : "l");
  return replace (once, "!", right ? "l" : "r");
}

static char *
expand_words (Loader *l, const char *text, const char *language, GonioSide side)
{
  char **words = g_hash_table_lookup (l->side_words, language);
  if (words == NULL)
    words = g_hash_table_lookup (l->side_words, "en");
  if (side == GONIO_SIDE_UNKNOWN || words == NULL)
    return g_strdup (text);
  return replace (text, "{side}", words[side == GONIO_SIDE_RIGHT ? 0 : 1]);
}

/* {"en": "...", "ko": "..."} */
static GonioText *
read_words (Loader *l, JsonObject *parent, const char *member, gboolean required, GonioSide side)
{
  JsonNode *node = gonio_json_member (l->json, parent, member, required);
  if (node == NULL)
    return NULL;
  gonio_json_push (l->json, member);
  GonioText *text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  JsonObject *object = gonio_json_object (l->json, node, NULL);
  g_autoptr (GList) languages = object != NULL ? json_object_get_members (object) : NULL;
  for (GList *i = languages; i != NULL; i = i->next) {
    const char *words = gonio_json_text (l->json, object, i->data, TRUE);
    if (words != NULL)
      g_hash_table_insert (text, g_strdup (i->data), expand_words (l, words, i->data, side));
  }
  if (gonio_json_ok (l->json) && !g_hash_table_contains (text, "en"))
    gonio_json_fail (l->json, "the English text \"en\" is missing");
  gonio_json_pop (l->json);
  return text;
}

typedef void (*ReadItem) (Loader *l, JsonObject *object, const char *pattern, GonioSide side);

/* Calls read for every element, twice where the id stands for both sides. */
static void
each_item (Loader *l, JsonObject *root, const char *member, gboolean required, guint max,
           ReadItem read)
{
  JsonArray *array = gonio_json_array (l->json, root, member, required, required ? 1 : 0, max);
  if (array == NULL)
    return;
  gonio_json_push (l->json, member);
  for (guint i = 0; i < json_array_get_length (array) && gonio_json_ok (l->json); i++) {
    gonio_json_push_index (l->json, i);
    JsonObject *object = gonio_json_object (l->json, json_array_get_element (array, i), NULL);
    const char *pattern = gonio_json_id (l->json, object, "id", TRUE, "*");
    gboolean each_side = pattern != NULL && strchr (pattern, '*') != NULL;
    if (each_side && !l->protocol->both_sides)
      gonio_json_fail (l->json, "'*' stands for a side, but \"sided\" is not \"both\"");
    if (each_side && gonio_json_ok (l->json))
      read (l, object, pattern, GONIO_SIDE_RIGHT);
    if (pattern != NULL && gonio_json_ok (l->json))
      read (l, object, pattern, each_side ? GONIO_SIDE_LEFT : GONIO_SIDE_UNKNOWN);
    gonio_json_pop (l->json);
  }
  gonio_json_pop (l->json);
}

/* ---- landmarks and constructions, first pass ---- */

static GonioElement *
add_node (Loader *l, const char *pattern, GonioSide side, GonioElementKind kind)
{
  GArray *nodes = l->protocol->nodes;
  GonioElement node = {.kind = kind,
                       .id = expand_id (pattern, side),
                       .side = side,
                       .line = {-1, -1},
                       .through = -1,
                       .along = -1,
                       .direction = GONIO_DIRECTION_NONE,
                       .draw = FALSE};
  if (g_hash_table_contains (l->node_ids, node.id))
    gonio_json_fail (l->json, "the id \"%s\" is used twice", node.id);
  g_array_append_val (nodes, node);
  g_hash_table_insert (l->node_ids, node.id, GUINT_TO_POINTER (nodes->len));
  return &g_array_index (nodes, GonioElement, nodes->len - 1);
}

static void
read_landmark (Loader *l, JsonObject *object, const char *pattern, GonioSide side)
{
  static const char *const known[] = {"id", "name", "where", NULL};
  gonio_json_check_fields (l->json, object, known);
  GonioElement *node = add_node (l, pattern, side, GONIO_ELEMENT_LANDMARK);
  node->name = read_words (l, object, "name", TRUE, side);
  node->where = read_words (l, object, "where", TRUE, side);
}

/* Rows: what each kind is called and which fields it takes besides those of all. */
typedef struct {
  const char *name;
  GonioElementKind kind;
  const char *fields[6];
} KindRow;

static const KindRow kinds[] = {
    {"line", GONIO_ELEMENT_LINE, {"points"}},
    {"axis", GONIO_ELEMENT_LINE, {"points"}},
    {"midpoint", GONIO_ELEMENT_MIDPOINT, {"points"}},
    {"perpendicular", GONIO_ELEMENT_PERPENDICULAR, {"to", "through", "along"}},
    {"parallel", GONIO_ELEMENT_PARALLEL, {"to", "through"}},
    {"circle", GONIO_ELEMENT_CIRCLE, {"points"}},
    {"tangent", GONIO_ELEMENT_TANGENT, {"circle", "from", "along"}},
    {"horizontal", GONIO_ELEMENT_HORIZONTAL, {"through", "along"}},
    {"vertical", GONIO_ELEMENT_VERTICAL, {"through", "along"}},
    {"intersection", GONIO_ELEMENT_INTERSECTION, {"lines"}},
};

static gboolean
node_is_line (GonioElementKind kind)
{
  return kind == GONIO_ELEMENT_LINE || kind == GONIO_ELEMENT_PERPENDICULAR ||
         kind == GONIO_ELEMENT_PARALLEL || kind == GONIO_ELEMENT_TANGENT ||
         kind == GONIO_ELEMENT_HORIZONTAL || kind == GONIO_ELEMENT_VERTICAL;
}

static const KindRow *
read_kind (Loader *l, JsonObject *object)
{
  const char *names[G_N_ELEMENTS (kinds) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    names[i] = kinds[i].name;
  int i = gonio_json_choice (l->json, object, "kind", TRUE, names, -1);
  return i < 0 ? NULL : &kinds[i];
}

/* Refuses fields that are in neither list. */
static void
check_fields (Loader *l, JsonObject *object, const char *const *common, const char *const *own)
{
  g_autoptr (GPtrArray) known = g_ptr_array_new ();
  for (guint i = 0; common[i] != NULL; i++)
    g_ptr_array_add (known, (gpointer)common[i]);
  for (guint i = 0; own[i] != NULL; i++)
    g_ptr_array_add (known, (gpointer)own[i]);
  g_ptr_array_add (known, NULL);
  gonio_json_check_fields (l->json, object, (const char *const *)known->pdata);
}

static void
read_construction (Loader *l, JsonObject *object, const char *pattern, GonioSide side)
{
  static const char *const common[] = {"id", "kind", "name", "direction", "draw", NULL};
  const KindRow *row = read_kind (l, object);
  if (row == NULL)
    return;
  check_fields (l, object, common, row->fields);
  GonioElement *node = add_node (l, pattern, side, row->kind);
  node->name = read_words (l, object, "name", FALSE, side);
  node->direction = (GonioDirection)gonio_json_choice (l->json, object, "direction", FALSE,
                                                       direction_names, GONIO_DIRECTION_NONE);
  node->draw = gonio_json_boolean (l->json, object, "draw", FALSE);
  if (!node_is_line (node->kind) && (node->draw || node->direction != GONIO_DIRECTION_NONE))
    gonio_json_fail (l->json, "only lines have a direction or are drawn, not a %s", row->name);
}

/* ---- references, second pass ---- */

/* Index of the node that text means on this side, or -1 and an error at the current path. */
static int
find_node (Loader *l, const char *text, GonioSide side, Want want)
{
  g_autofree char *id = expand_id (text, side);
  int index = (int)GPOINTER_TO_UINT (g_hash_table_lookup (l->node_ids, id)) - 1;
  if (index < 0) {
    gonio_json_fail (l->json, "\"%s\" is neither a landmark nor a construction", id);
    return -1;
  }
  GonioElementKind kind = gonio_protocol_element (l->protocol, index)->kind;
  if (want == WANT_LINE && !node_is_line (kind))
    gonio_json_fail (l->json, "a line is expected here, and \"%s\" is a point", id);
  else if (want == WANT_POINT && node_is_line (kind))
    gonio_json_fail (l->json, "a point is expected here, and \"%s\" is a line", id);
  else if (want == WANT_CIRCLE && kind != GONIO_ELEMENT_CIRCLE)
    gonio_json_fail (l->json, "a circle is expected here, and \"%s\" is none", id);
  return index;
}

static int
read_ref (Loader *l, JsonObject *object, const char *member, gboolean required, GonioSide side,
          Want want)
{
  const char *text = gonio_json_text (l->json, object, member, required);
  if (text == NULL)
    return -1;
  gonio_json_push (l->json, member);
  int index = find_node (l, text, side, want);
  gonio_json_pop (l->json);
  return index;
}

/* Number of references read into out, which has room for max; all different unless repeats. */
static guint
read_refs (Loader *l, JsonObject *object, const char *member, GonioSide side, Want want, guint min,
           guint max, gboolean repeats, int *out)
{
  g_auto (GStrv) texts = gonio_json_strv (l->json, object, member, TRUE, min, max);
  guint n = 0;
  gonio_json_push (l->json, member);
  for (; texts != NULL && texts[n] != NULL; n++) {
    gonio_json_push_index (l->json, n);
    out[n] = find_node (l, texts[n], side, want);
    for (guint k = 0; k < n && !repeats; k++)
      if (out[k] == out[n] && gonio_json_ok (l->json))
        gonio_json_fail (l->json, "\"%s\" is listed twice", texts[n]);
    gonio_json_pop (l->json);
  }
  gonio_json_pop (l->json);
  return n;
}

static void
resolve_construction (Loader *l, JsonObject *object, const char *pattern, GonioSide side)
{
  GonioElement *node = &g_array_index (l->protocol->nodes, GonioElement, l->next++);
  int points[GONIO_PROTOCOL_MAX_POINTS] = {0};
  switch (node->kind) {
  case GONIO_ELEMENT_LANDMARK:
    break;
  case GONIO_ELEMENT_LINE:
  case GONIO_ELEMENT_MIDPOINT:
  case GONIO_ELEMENT_CIRCLE:
    node->n_points = read_refs (l, object, "points", side, WANT_POINT,
                                node->kind == GONIO_ELEMENT_CIRCLE ? 3 : 2,
                                GONIO_PROTOCOL_MAX_POINTS, FALSE, points);
    node->points = g_memdup2 (points, node->n_points * sizeof *points);
    break;
  case GONIO_ELEMENT_PERPENDICULAR:
  case GONIO_ELEMENT_PARALLEL:
    node->line[0] = read_ref (l, object, "to", TRUE, side, WANT_LINE);
    node->through = read_ref (l, object, "through", TRUE, side, WANT_POINT);
    node->along =
        read_ref (l, object, "along", node->kind == GONIO_ELEMENT_PERPENDICULAR, side, WANT_LINE);
    break;
  case GONIO_ELEMENT_TANGENT:
    node->line[0] = read_ref (l, object, "circle", TRUE, side, WANT_CIRCLE);
    node->through = read_ref (l, object, "from", TRUE, side, WANT_POINT);
    node->along = read_ref (l, object, "along", TRUE, side, WANT_LINE);
    break;
  case GONIO_ELEMENT_HORIZONTAL:
  case GONIO_ELEMENT_VERTICAL:
    node->through = read_ref (l, object, "through", FALSE, side, WANT_POINT);
    node->along = read_ref (l, object, "along", TRUE, side, WANT_LINE);
    break;
  case GONIO_ELEMENT_INTERSECTION:
    read_refs (l, object, "lines", side, WANT_LINE, 2, 2, FALSE, node->line);
    break;
  }
}

/* All nodes that i hangs on directly, into out (room for GONIO_PROTOCOL_MAX_POINTS + 4). */
static guint
dependencies (const GonioElement *node, int *out)
{
  guint n = 0;
  for (guint i = 0; i < node->n_points; i++)
    out[n++] = node->points[i];
  const int single[] = {node->line[0], node->line[1], node->through, node->along};
  for (guint i = 0; i < G_N_ELEMENTS (single); i++)
    if (single[i] >= 0)
      out[n++] = single[i];
  return n;
}

/* Depth-first: appends node i after what it hangs on. state: 0 new, 1 open, 2 done. */
static void
visit (Loader *l, int i, guint8 *state, GArray *order)
{
  const GonioElement *node = gonio_protocol_element (l->protocol, i);
  if (state[i] == 2 || !gonio_json_ok (l->json))
    return;
  if (state[i] == 1) {
    gonio_json_push (l->json, "constructions");
    gonio_json_fail (l->json, "\"%s\" depends on itself", node->id);
    gonio_json_pop (l->json);
    return;
  }
  state[i] = 1;
  int needs[GONIO_PROTOCOL_MAX_POINTS + 4];
  guint n = dependencies (node, needs);
  for (guint k = 0; k < n; k++)
    visit (l, needs[k], state, order);
  state[i] = 2;
  g_array_append_val (order, i);
}

static int *
order_of (Loader *l, const int *wanted, guint n_wanted, guint *out_n)
{
  g_autofree guint8 *state = g_new0 (guint8, MAX (1, l->protocol->nodes->len));
  g_autoptr (GArray) order = g_array_new (FALSE, FALSE, sizeof (int));
  for (guint i = 0; i < n_wanted; i++)
    if (wanted[i] >= 0)
      visit (l, wanted[i], state, order);
  *out_n = order->len;
  return g_memdup2 (order->data, order->len * sizeof (int));
}

static void
read_direction (Loader *l, JsonObject *object, const char *member, GonioSide side,
                GonioFrameDirection *out)
{
  guint n = read_refs (l, object, member, side, WANT_POINT, 2, G_N_ELEMENTS (out->nodes), TRUE,
                       out->nodes);
  gonio_json_push (l->json, member);
  for (guint i = 0; i + 1 < n && gonio_json_ok (l->json); i += 2)
    if (out->nodes[i] == out->nodes[i + 1])
      gonio_json_fail (l->json, "no direction leads from a point to itself");
  if (n % 2 != 0 && gonio_json_ok (l->json))
    gonio_json_fail (l->json, "points come in pairs, here are %u", n);
  gonio_json_pop (l->json);
  out->n_pairs = n / 2;
}

static void
read_frame (Loader *l, JsonObject *root)
{
  static const char *const known[] = {"seen_from", "lateral", "distal", NULL};
  static const char *const seen_from[] = {"front", "behind", NULL};
  JsonNode *node = gonio_json_member (l->json, root, "frame", FALSE);
  if (node == NULL)
    return;
  gonio_json_push (l->json, "frame");
  JsonObject *object = gonio_json_object (l->json, node, known);
  l->protocol->from_behind =
      gonio_json_choice (l->json, object, "seen_from", TRUE, seen_from, 0) == 1;
  for (guint i = 0; i < 2; i++) {
    GonioFrame *frame = &l->protocol->frames[i];
    GonioSide side = !l->protocol->both_sides ? GONIO_SIDE_UNKNOWN
                     : i == 0                 ? GONIO_SIDE_RIGHT
                                              : GONIO_SIDE_LEFT;
    read_direction (l, object, "lateral", side, &frame->lateral);
    read_direction (l, object, "distal", side, &frame->distal);
    frame->set = TRUE;
  }
  gonio_json_pop (l->json);
}

/* ---- measures ---- */

static void
grade_clear (gpointer data)
{
  GonioGrade *grade = data;
  g_free (grade->id);
  g_clear_pointer (&grade->label, g_hash_table_unref);
}

static void
read_grades (Loader *l, JsonObject *object, GonioMeasure *m)
{
  static const char *const known[] = {"id", "label", "low", "high", "severity", NULL};
  m->grades = g_array_new (FALSE, TRUE, sizeof (GonioGrade));
  g_array_set_clear_func (m->grades, grade_clear);
  JsonArray *array =
      gonio_json_array (l->json, object, "grades", FALSE, 1, GONIO_PROTOCOL_MAX_GRADES);
  gonio_json_push (l->json, "grades");
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++) {
    gonio_json_push_index (l->json, i);
    JsonObject *row = gonio_json_object (l->json, json_array_get_element (array, i), known);
    GonioGrade grade = {.id = g_strdup (gonio_json_id (l->json, row, "id", TRUE, NULL))};
    grade.label = read_words (l, row, "label", TRUE, GONIO_SIDE_UNKNOWN);
    grade.low = gonio_json_number (l->json, row, "low", FALSE, NAN, -1e6, 1e6);
    grade.high = gonio_json_number (l->json, row, "high", FALSE, NAN, -1e6, 1e6);
    grade.severity = (int)gonio_json_integer (l->json, row, "severity", TRUE, 0, 0, 3);
    if (grade.low >= grade.high)
      gonio_json_fail (l->json, "low (%g) must be below high (%g)", grade.low, grade.high);
    g_array_append_val (m->grades, grade);
    gonio_json_pop (l->json);
  }
  gonio_json_pop (l->json);
}

static void
read_reference (Loader *l, JsonObject *object, GonioMeasure *m)
{
  static const char *const known[] = {"low", "high", "source", NULL};
  static const char *const error_known[] = {"value", "source", NULL};
  m->reference_low = m->reference_high = m->human_error = NAN;
  JsonNode *node = gonio_json_member (l->json, object, "reference", FALSE);
  if (node != NULL) {
    gonio_json_push (l->json, "reference");
    JsonObject *r = gonio_json_object (l->json, node, known);
    m->reference_low = gonio_json_number (l->json, r, "low", FALSE, NAN, -1e6, 1e6);
    m->reference_high = gonio_json_number (l->json, r, "high", FALSE, NAN, -1e6, 1e6);
    m->reference_source = g_strdup (gonio_json_text (l->json, r, "source", TRUE));
    if (m->reference_low >= m->reference_high)
      gonio_json_fail (l->json, "low (%g) must be below high (%g)", m->reference_low,
                       m->reference_high);
    gonio_json_pop (l->json);
  }
  node = gonio_json_member (l->json, object, "human_error", FALSE);
  if (node != NULL) {
    gonio_json_push (l->json, "human_error");
    JsonObject *r = gonio_json_object (l->json, node, error_known);
    m->human_error = gonio_json_number (l->json, r, "value", FALSE, NAN, 0, 1e6);
    m->human_error_source = g_strdup (gonio_json_text (l->json, r, "source", TRUE));
    gonio_json_pop (l->json);
  }
}

static void
read_reliability (Loader *l, JsonObject *object, GonioMeasure *m)
{
  static const char *const known[] = {"level", "note", NULL};
  static const char *const levels[] = {"low", NULL};
  JsonNode *node = gonio_json_member (l->json, object, "reliability", FALSE);
  if (node == NULL)
    return;
  gonio_json_push (l->json, "reliability");
  JsonObject *r = gonio_json_object (l->json, node, known);
  if (gonio_json_choice (l->json, r, "level", FALSE, levels, -1) == 0)
    m->reliability = g_strdup ("low");
  m->reliability_note = read_words (l, r, "note", TRUE, m->side);
  gonio_json_pop (l->json);
}

static void
read_display (Loader *l, JsonObject *object, GonioMeasure *m)
{
  m->decimals = (int)gonio_json_integer (l->json, object, "decimals", TRUE, 0, 0, 3);
  m->step = gonio_json_number (l->json, object, "step", TRUE, 1, 1e-3, 100);
  JsonArray *axis = gonio_json_array (l->json, object, "axis", TRUE, 2, 2);
  if (axis == NULL)
    return;
  double ends[2] = {0, 0};
  for (guint i = 0; i < 2; i++) {
    JsonNode *node = json_array_get_element (axis, i);
    if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) != G_TYPE_STRING)
      ends[i] = json_node_get_double (node);
  }
  m->axis_low = ends[0];
  m->axis_high = ends[1];
  if (!(ends[0] < ends[1])) {
    gonio_json_push (l->json, "axis");
    gonio_json_fail (l->json, "two numbers, the smaller first, are expected here");
    gonio_json_pop (l->json);
  }
}

typedef struct {
  const char *name;
  const char *unit; /* NULL: that of its parts */
  const char *fields[5];
} MeasureRow;

static const MeasureRow measure_rows[] = {
    [GONIO_MEASURE_ANGLE] = {"angle", "deg", {"lines", "positive", "offset", "frame"}},
    [GONIO_MEASURE_ANGLE_AT_VERTEX] = {"angle-at-vertex", "deg", {"points"}},
    [GONIO_MEASURE_DISTANCE] = {"distance", "mm", {"points", "to", "positive", "frame"}},
    [GONIO_MEASURE_RATIO] = {"ratio", "ratio", {"points"}},
    [GONIO_MEASURE_DIFFERENCE] = {"difference", NULL, {"of"}},
};

/* A sign needs the way the first line runs and a chirality. */
static void
read_sign (Loader *l, JsonObject *object, GonioMeasure *m)
{
  static const char *const sides[] = {"right", "left", NULL};
  m->positive = (GonioDirection)gonio_json_choice (l->json, object, "positive", FALSE,
                                                   direction_names, GONIO_DIRECTION_NONE);
  int frame = gonio_json_choice (l->json, object, "frame", FALSE, sides, -1);
  m->frame = m->side != GONIO_SIDE_UNKNOWN ? m->side
             : frame == 1                  ? GONIO_SIDE_LEFT
                                           : GONIO_SIDE_RIGHT;
  if (m->positive == GONIO_DIRECTION_NONE || !gonio_json_ok (l->json))
    return;
  const GonioElement *line = gonio_protocol_element (l->protocol, m->lines[0]);
  if (line->direction == GONIO_DIRECTION_NONE || (line->direction - m->positive) % 2 == 0) {
    gonio_json_push (l->json, "positive");
    gonio_json_fail (l->json, "the line \"%s\" must have a \"direction\" across \"%s\"", line->id,
                     direction_names[m->positive]);
    gonio_json_pop (l->json);
  }
}

static void
read_operands (Loader *l, JsonObject *object, GonioMeasure *m)
{
  m->positive = GONIO_DIRECTION_NONE;
  m->frame = m->side != GONIO_SIDE_UNKNOWN ? m->side : GONIO_SIDE_RIGHT;
  m->lines[0] = m->lines[1] = m->of[0] = m->of[1] = -1;
  switch (m->kind) {
  case GONIO_MEASURE_ANGLE:
    read_refs (l, object, "lines", m->side, WANT_LINE, 2, 2, FALSE, m->lines);
    m->offset = gonio_json_number (l->json, object, "offset", FALSE, 0, -360, 360);
    read_sign (l, object, m);
    break;
  case GONIO_MEASURE_ANGLE_AT_VERTEX:
    m->n_points = read_refs (l, object, "points", m->side, WANT_POINT, 3, 3, FALSE, m->points);
    break;
  case GONIO_MEASURE_DISTANCE:
    m->lines[0] = read_ref (l, object, "to", FALSE, m->side, WANT_LINE);
    m->n_points =
        m->lines[0] >= 0
            ? read_refs (l, object, "points", m->side, WANT_POINT, 1, 1, FALSE, m->points)
            : read_refs (l, object, "points", m->side, WANT_POINT, 2, 2, FALSE, m->points);
    if (m->lines[0] >= 0)
      read_sign (l, object, m);
    else if (gonio_json_member (l->json, object, "positive", FALSE) != NULL)
      gonio_json_fail (l->json, "\"positive\" needs \"to\": a distance of points has no sign");
    break;
  case GONIO_MEASURE_RATIO:
    m->n_points = read_refs (l, object, "points", m->side, WANT_POINT, 4, 4, TRUE, m->points);
    break;
  case GONIO_MEASURE_DIFFERENCE: {
    g_auto (GStrv) of = gonio_json_strv (l->json, object, "of", TRUE, 2, 2);
    for (guint i = 0; of != NULL && i < 2; i++) {
      g_autofree char *id = expand_id (of[i], m->side);
      m->of[i] = (int)GPOINTER_TO_UINT (g_hash_table_lookup (l->measure_ids, id)) - 1;
      if (m->of[i] < 0)
        gonio_json_fail (l->json, "of[%u]: \"%s\" is not a measure that stands before this one", i,
                         id);
    }
    break;
  }
  }
}

static void
check_unit (Loader *l, GonioMeasure *m)
{
  if (m->unit == NULL || !gonio_json_ok (l->json))
    return;
  const char *expected = measure_rows[m->kind].unit;
  if (m->kind == GONIO_MEASURE_DIFFERENCE) {
    expected = gonio_protocol_row (l->protocol, (guint)m->of[0])->unit;
    const char *other = gonio_protocol_row (l->protocol, (guint)m->of[1])->unit;
    if (!g_str_equal (expected, other))
      gonio_json_fail (l->json, "of: one is in %s, the other in %s", expected, other);
  }
  if (!g_str_equal (m->unit, expected))
    gonio_json_fail (l->json, "unit: \"%s\" is expected here, not \"%s\"", expected, m->unit);
}

/* Nodes and landmarks that the measure hangs on. */
static void
collect_dependencies (Loader *l, GonioMeasure *m)
{
  g_autoptr (GArray) wanted = g_array_new (FALSE, FALSE, sizeof (int));
  g_array_append_vals (wanted, m->lines, 2);
  g_array_append_vals (wanted, m->points, m->n_points);
  for (guint i = 0; i < 2; i++)
    if (m->of[i] >= 0) {
      const GonioMeasure *part = gonio_protocol_row (l->protocol, (guint)m->of[i]);
      g_array_append_vals (wanted, part->order, part->n_order);
    }
  m->order = order_of (l, (const int *)wanted->data, wanted->len, &m->n_order);
  g_autoptr (GPtrArray) ids = g_ptr_array_new ();
  for (guint i = 0; i < m->n_order; i++)
    if (m->order[i] < (int)l->protocol->n_landmarks)
      g_ptr_array_add (ids, g_strdup (gonio_protocol_element (l->protocol, m->order[i])->id));
  g_ptr_array_add (ids, NULL);
  m->landmarks = (char **)g_ptr_array_free (g_steal_pointer (&ids), FALSE);
}

static void
read_measure (Loader *l, JsonObject *object, const char *pattern, GonioSide side)
{
  static const char *const common[] = {
      "id",   "abbreviation", "name",      "definition",  "kind",   "unit",        "decimals",
      "step", "axis",         "reference", "human_error", "grades", "reliability", NULL};
  const char *names[G_N_ELEMENTS (measure_rows) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (measure_rows); i++)
    names[i] = measure_rows[i].name;
  int kind = gonio_json_choice (l->json, object, "kind", TRUE, names, -1);
  if (kind < 0)
    return;
  check_fields (l, object, common, measure_rows[kind].fields);

  GArray *measures = l->protocol->measures;
  guint index = measures->len;
  if (index >= GONIO_PROTOCOL_MAX_MEASURES) {
    gonio_json_fail (l->json, "more than %d measures", GONIO_PROTOCOL_MAX_MEASURES);
    return;
  }
  g_array_set_size (measures, index + 1);
  GonioMeasure *m = &g_array_index (measures, GonioMeasure, index);
  m->kind = (GonioMeasureKind)kind;
  m->side = side;
  m->id = expand_id (pattern, side);
  if (g_hash_table_contains (l->measure_ids, m->id))
    gonio_json_fail (l->json, "the id \"%s\" is used twice", m->id);
  g_hash_table_insert (l->measure_ids, m->id, GUINT_TO_POINTER (index + 1));
  m->abbreviation = g_strdup (gonio_json_text (l->json, object, "abbreviation", TRUE));
  m->name = read_words (l, object, "name", TRUE, side);
  m->definition = read_words (l, object, "definition", TRUE, side);
  m->unit = g_strdup (gonio_json_text (l->json, object, "unit", TRUE));
  read_display (l, object, m);
  read_reference (l, object, m);
  read_grades (l, object, m);
  read_reliability (l, object, m);
  read_operands (l, object, m);
  check_unit (l, m);
  if (gonio_json_ok (l->json))
    collect_dependencies (l, m);
}

/* ---- the whole file ---- */

static void
read_root (Loader *l)
{
  static const char *const known[] = {"format",   "id",    "version", "title",     "view",
                                      "sided",    "sides", "frame",   "landmarks", "constructions",
                                      "measures", NULL};
  static const char *const sided[] = {"one", "both", NULL};
  GonioProtocol *p = l->protocol;
  JsonObject *root = gonio_json_object (l->json, gonio_json_root (l->json), known);
  gonio_json_integer (l->json, root, "format", TRUE, 1, 1, 1);
  p->id = g_strdup (gonio_json_id (l->json, root, "id", TRUE, NULL));
  p->version = g_strdup (gonio_json_id (l->json, root, "version", TRUE, NULL));
  p->view = g_strdup (gonio_json_id (l->json, root, "view", TRUE, NULL));
  p->title = read_words (l, root, "title", TRUE, GONIO_SIDE_UNKNOWN);
  p->both_sides = gonio_json_choice (l->json, root, "sided", TRUE, sided, 0) == 1;
  read_side_words (l, root);
  each_item (l, root, "landmarks", TRUE, GONIO_PROTOCOL_MAX_LANDMARKS / 2, read_landmark);
  p->n_landmarks = p->nodes->len;
  each_item (l, root, "constructions", FALSE, GONIO_PROTOCOL_MAX_CONSTRUCTIONS / 2,
             read_construction);
  l->next = p->n_landmarks;
  each_item (l, root, "constructions", FALSE, GONIO_PROTOCOL_MAX_CONSTRUCTIONS / 2,
             resolve_construction);
  g_autofree int *all = g_new (int, MAX (1, p->nodes->len));
  for (guint i = 0; i < p->nodes->len; i++)
    all[i] = (int)i;
  guint n = 0;
  if (gonio_json_ok (l->json))
    p->order = order_of (l, all, p->nodes->len, &n);
  read_frame (l, root);
  each_item (l, root, "measures", TRUE, GONIO_PROTOCOL_MAX_MEASURES / 2, read_measure);
}

static void
node_clear (gpointer data)
{
  GonioElement *node = data;
  g_free (node->id);
  g_free (node->points);
  g_clear_pointer (&node->name, g_hash_table_unref);
  g_clear_pointer (&node->where, g_hash_table_unref);
}

static void
measure_clear (gpointer data)
{
  GonioMeasure *m = data;
  g_free (m->id);
  g_free (m->abbreviation);
  g_free (m->unit);
  g_clear_pointer (&m->name, g_hash_table_unref);
  g_clear_pointer (&m->definition, g_hash_table_unref);
  g_clear_pointer (&m->reliability_note, g_hash_table_unref);
  g_free (m->reliability);
  g_free (m->reference_source);
  g_free (m->human_error_source);
  g_clear_pointer (&m->grades, g_array_unref);
  g_free (m->order);
  g_strfreev (m->landmarks);
}

static GonioProtocol *
load (GonioJson *json, GError **error)
{
  GonioProtocol *p = g_new0 (GonioProtocol, 1);
  g_atomic_ref_count_init (&p->refs);
  p->nodes = g_array_new (FALSE, TRUE, sizeof (GonioElement));
  g_array_set_clear_func (p->nodes, node_clear);
  p->measures = g_array_new (FALSE, TRUE, sizeof (GonioMeasure));
  g_array_set_clear_func (p->measures, measure_clear);
  Loader l = {.json = json,
              .protocol = p,
              .node_ids = g_hash_table_new (g_str_hash, g_str_equal),
              .measure_ids = g_hash_table_new (g_str_hash, g_str_equal),
              .side_words = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, strv_free)};
  read_root (&l);
  g_hash_table_unref (l.node_ids);
  g_hash_table_unref (l.measure_ids);
  g_hash_table_unref (l.side_words);
  if (gonio_json_finish (json, error))
    return p;
  gonio_protocol_unref (p);
  return NULL;
}

GonioProtocol *
gonio_protocol_load (const char *path, GError **error)
{
  g_autoptr (GonioJson) json =
      gonio_json_new_from_file (path, 0, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_PROTOCOL, error);
  return json != NULL ? load (json, error) : NULL;
}

GonioProtocol *
gonio_protocol_load_bytes (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (GonioJson) json = gonio_json_new_from_bytes (bytes, name, 0, GONIO_MEASURE_ERROR,
                                                          GONIO_MEASURE_ERROR_PROTOCOL, error);
  return json != NULL ? load (json, error) : NULL;
}
