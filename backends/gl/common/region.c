/* Compiling a region into steps with their memory, and running it. Depends on lower. */
#include "backends/gl/common/region.h"

#include "backends/gl/common/lower.h"
#include "core/base/error.h"
#include "core/base/memory.h"

#include <epoxy/gl.h>
#include <string.h>

/* A piece of work reads at most so many texels, some milliseconds of a slow card: the desktop gets
 * its turn in between, the driver's watchdog is not woken, and the run can be cancelled. */
#define MOST_READS ((gint64)32 << 20)
/* What a step reads that does not say, for each texel of its result. */
#define FEW_READS 4

typedef enum {
  SLOT_WORK,
  SLOT_INPUT,  /* uploaded at each run */
  SLOT_NUMBERS /* uploaded once */
} SlotKind;

typedef struct {
  SlotKind kind;
  guint index; /* of the region's input */
  gboolean half;
  GonioTensor *numbers; /* until they have been uploaded; owned */
  gint64 n, texels;
  guint first, last; /* steps */
  guint place;       /* index */
} Slot;

/* Memory of one slot after the other, or for good. */
typedef struct {
  gint64 texels;
  guint until; /* step that uses it last */
  gboolean kept, half;
  GonioGlMemory memory; /* kept, or while a run lasts */
} Place;

typedef struct {
  GonioGlStep step;
  GonioNodeId node;
  const GonioGlProgram *program;
  gboolean guarded; /* its result is stored in 16 bits */
} Step;

/* Where the elements of a value lie: plainly, or as an image of so many channels with so many
 * texels behind each. Values that are views of each other have one list of these. */
typedef struct {
  guint slot;
  int channels, rest; /* 0, 0: plain */
} Form;

struct _GonioCompiled {
  GonioBackend *backend;
  GArray *slots;             /* Slot */
  GArray *steps;             /* Step */
  GArray *places;            /* Place */
  GonioMemoryBudget *budget; /* that kept_bytes count against; nullable */
  size_t kept_bytes;
  GHashTable *values; /* while compiling: value id + 1 -> GArray of Form */
  guint n_inputs, n_outputs;
  GonioGlSlot *outputs;
  GonioShape *output_shapes;
  gint64 *input_counts;
  gboolean guarded;                    /* a step is */
  const GonioGlProgram *guard_program; /* nullable */
};

static Slot *
slot_at (const GonioCompiled *compiled, guint slot)
{
  return &g_array_index (compiled->slots, Slot, slot);
}

static Place *
place_at (const GonioCompiled *compiled, guint place)
{
  return &g_array_index (compiled->places, Place, place);
}

/* ---- lowering ---- */

static guint
add_slot (GonioCompiled *compiled, SlotKind kind, gint64 n, gint64 texels)
{
  guint step = compiled->steps->len;
  Slot slot = {.kind = kind, .n = n, .texels = texels, .first = step, .last = step};
  slot.half = compiled->backend->half && (kind != SLOT_INPUT || !compiled->backend->full);
  g_array_append_val (compiled->slots, slot);
  return compiled->slots->len - 1;
}

static GArray *
forms_of (const GonioCompiled *compiled, GonioValueId id)
{
  GArray *forms = g_hash_table_lookup (compiled->values, GUINT_TO_POINTER (id + 1));
  if (!forms) {
    forms = g_array_new (FALSE, TRUE, sizeof (Form));
    g_hash_table_insert (compiled->values, GUINT_TO_POINTER (id + 1), forms);
  }
  return forms;
}

static void
add_form (GArray *forms, guint slot, int channels, int rest)
{
  Form form = {slot, channels, rest};
  g_array_append_val (forms, form);
}

/* NULL when it is not there so. */
static const Form *
find_form (const GArray *forms, int channels, int rest)
{
  for (guint i = 0; i < forms->len; i++) {
    const Form *form = &g_array_index (forms, Form, i);
    if (form->channels == channels && form->rest == rest)
      return form;
  }
  return NULL;
}

/* What a form of a value is in the list. */
static void
describe (const GonioValue *value, GonioGlForm form, int *out_channels, int *out_rest)
{
  GonioShape shape = gonio_gl_shape (value);
  int batch;
  *out_channels = *out_rest = 0;
  if (form == GONIO_GL_IMAGE)
    gonio_gl_image_sizes (&shape, &batch, out_channels, out_rest);
}

/* In 32 bits where there are any. */
static GonioGlSlot
keep_full (GonioGlLower *lower, GonioGlSlot slot)
{
  if (lower->backend->full)
    slot_at (lower->compiled, slot)->half = FALSE;
  return slot;
}

/* What others read is not rounded once more. */
static GonioGlSlot
add_value (GonioGlLower *lower, GonioValueId id, int channels, int rest)
{
  GonioShape shape = gonio_gl_shape (gonio_graph_value (lower->graph, id));
  gint64 count = gonio_gl_count (&shape);
  gint64 texels = channels == 0 ? (count + 3) / 4 : count / channels * ((channels + 3) / 4);
  guint slot = add_slot (lower->compiled, SLOT_WORK, count, texels);
  add_form (forms_of (lower->compiled, id), slot, channels, rest);
  for (guint i = 0; channels == 0 && i < lower->region->n_outputs; i++)
    if (lower->region->outputs[i] == id)
      return keep_full (lower, slot);
  return slot;
}

GonioGlSlot
gonio_gl_exact_numbers (GonioGlLower *lower, const GonioTensor *numbers)
{
  return keep_full (lower, gonio_gl_numbers (lower, numbers));
}

/* Made of weights that fit, packed ones need not. */
GonioGlSlot
gonio_gl_numbers (GonioGlLower *lower, const GonioTensor *numbers)
{
  gint64 n = gonio_tensor_count (numbers);
  guint slot = add_slot (lower->compiled, SLOT_NUMBERS, n, (n + 3) / 4);
  slot_at (lower->compiled, slot)->numbers = gonio_tensor_ref ((GonioTensor *)numbers);
  if (lower->backend->half && !gonio_gl_fits_half (numbers))
    return keep_full (lower, slot);
  return slot;
}

gboolean
gonio_gl_add (GonioGlLower *lower, GonioGlStep *step, GError **error)
{
  GonioCompiled *compiled = lower->compiled;
  Step full = {.step = *step, .node = lower->id};
  step->defines = NULL;
  guint at = compiled->steps->len, halves = 0;
  for (guint i = 0; i < full.step.n_inputs; i++) {
    slot_at (compiled, full.step.inputs[i])->last = at;
    halves |= slot_at (compiled, full.step.inputs[i])->half ? 1u << i : 0;
  }
  slot_at (compiled, full.step.output)->last = at;
  for (guint i = 0; i < full.step.n_more; i++)
    slot_at (compiled, full.step.more[i])->last = at;
  full.guarded = slot_at (compiled, full.step.output)->half;
  compiled->guarded |= full.guarded;
  halves |= full.guarded ? GONIO_GL_HALF_RESULT : 0;
  full.program = gonio_gl_programs_get (lower->backend->programs, full.step.kernel,
                                        full.step.n_inputs, halves, full.step.defines, error);
  g_array_append_val (compiled->steps, full);
  return full.program != NULL;
}

/* Are the texels of such an image those of the plain form? What follows the last element of a plain
 * value may be anything, what follows the last channel may not. */
static gboolean
is_plain (gint64 count, int channels, int rest, gboolean to_plain)
{
  return rest == 1 && (channels % 4 == 0 || (count == channels && to_plain));
}

/* A value that is there in other forms only. */
static gboolean
convert (GonioGlLower *lower, GonioValueId id, int channels, int rest, GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_graph_value (lower->graph, id));
  gint64 count = gonio_gl_count (&shape);
  GArray *forms = forms_of (lower->compiled, id);
  const Form *plain = find_form (forms, 0, 0);
  Form from = plain ? *plain : g_array_index (forms, Form, 0);
  GonioGlStep step = {.kernel = "to-image.glsl", .inputs = {from.slot}, .n_inputs = 1};
  if (plain ? is_plain (count, channels, rest, FALSE)
            : channels == 0 && is_plain (count, from.channels, from.rest, TRUE)) {
    add_form (forms, from.slot, channels, rest);
    return TRUE;
  }
  step.params[0] = channels;
  step.params[1] = rest;
  if (!plain && channels > 0) {
    gonio_gl_move_as_image (&step, count, (int[]){from.channels, from.rest},
                            (int[]){channels, rest});
  } else if (!plain) {
    step.kernel = "to-plain.glsl";
    step.params[0] = from.channels;
    step.params[1] = from.rest;
    gonio_gl_tell_count (&step, count);
  }
  step.output = add_value (lower, id, channels, rest);
  return gonio_gl_add (lower, &step, error);
}

/* Makes sure that a value is there in some form. */
static gboolean
bring (GonioGlLower *lower, GonioValueId id, GError **error)
{
  const GonioValue *value = gonio_graph_value (lower->graph, id);
  GArray *forms = forms_of (lower->compiled, id);
  if (forms->len > 0)
    return TRUE;
  if (!value->constant) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "%s: an input is not there yet", lower->node->name);
    return FALSE;
  }
  add_form (forms, gonio_gl_numbers (lower, value->constant), 0, 0);
  return TRUE;
}

static gboolean
read_value (GonioGlLower *lower, GonioValueId id, GonioGlForm form, GonioGlSlot *out_slot,
            GError **error)
{
  int channels, rest;
  if (!bring (lower, id, error))
    return FALSE;
  describe (gonio_graph_value (lower->graph, id), form, &channels, &rest);
  const GArray *forms = forms_of (lower->compiled, id);
  if (!find_form (forms, channels, rest) && !convert (lower, id, channels, rest, error))
    return FALSE;
  *out_slot = find_form (forms, channels, rest)->slot;
  return TRUE;
}

gboolean
gonio_gl_read (GonioGlLower *lower, guint i, GonioGlForm form, GonioGlSlot *out_slot,
               GError **error)
{
  return read_value (lower, lower->node->inputs[i], form, out_slot, error);
}

gboolean
gonio_gl_read_any (GonioGlLower *lower, guint i, GonioGlSlot *out_slot, int *out_channels,
                   int *out_rest, GError **error)
{
  GonioValueId id = lower->node->inputs[i];
  if (!bring (lower, id, error))
    return FALSE;
  GonioShape shape = gonio_gl_shape (gonio_graph_value (lower->graph, id));
  const GArray *forms = forms_of (lower->compiled, id);
  const Form *plain = find_form (forms, 0, 0);
  Form form = plain ? *plain : g_array_index (forms, Form, 0);
  if (is_plain (gonio_gl_count (&shape), form.channels, form.rest, TRUE))
    form.channels = form.rest = 0;
  *out_slot = form.slot;
  *out_channels = form.channels;
  *out_rest = form.rest;
  return TRUE;
}

gboolean
gonio_gl_has (const GonioGlLower *lower, guint i, GonioGlForm form)
{
  GonioValueId id = lower->node->inputs[i];
  const GonioValue *value = gonio_graph_value (lower->graph, id);
  int channels, rest;
  if (form == GONIO_GL_IMAGE && gonio_gl_shape (value).rank < 3)
    return FALSE;
  describe (value, form, &channels, &rest);
  return find_form (forms_of (lower->compiled, id), channels, rest) != NULL;
}

gboolean
gonio_gl_alias (GonioGlLower *lower, guint o, guint i, GError **error)
{
  GonioCompiled *compiled = lower->compiled;
  if (!bring (lower, lower->node->inputs[i], error))
    return FALSE;
  g_hash_table_insert (compiled->values, GUINT_TO_POINTER (lower->node->outputs[o] + 1),
                       g_array_ref (forms_of (compiled, lower->node->inputs[i])));
  return TRUE;
}

GonioGlSlot
gonio_gl_scratch (GonioGlLower *lower, gint64 texels)
{
  return keep_full (lower, add_slot (lower->compiled, SLOT_WORK, texels * 4, texels));
}

GonioGlSlot
gonio_gl_scratch_like (GonioGlLower *lower, GonioGlSlot slot, gint64 texels)
{
  GonioGlSlot scratch = add_slot (lower->compiled, SLOT_WORK, texels * 4, texels);
  slot_at (lower->compiled, scratch)->half = slot_at (lower->compiled, slot)->half;
  return scratch;
}

GonioGlSlot
gonio_gl_write_image (GonioGlLower *lower, guint o, int channels, int rest)
{
  return add_value (lower, lower->node->outputs[o], channels, rest);
}

GonioGlSlot
gonio_gl_write (GonioGlLower *lower, guint o, GonioGlForm form)
{
  int channels, rest;
  describe (gonio_gl_out (lower->graph, lower->node, o), form, &channels, &rest);
  return gonio_gl_write_image (lower, o, channels, rest);
}

/* ---- memory ---- */

/* Slots that are never alive together share a place; the one that fits best is taken. */
static void
plan_places (GonioCompiled *compiled)
{
  for (guint i = 0; i < compiled->slots->len; i++) {
    Slot *slot = slot_at (compiled, i);
    gint64 best = G_MAXINT64;
    gboolean kept = slot->kind == SLOT_NUMBERS;
    slot->place = compiled->places->len;
    for (guint p = 0; !kept && p < compiled->places->len; p++) {
      const Place *place = place_at (compiled, p);
      if (!place->kept && place->half == slot->half && place->until < slot->first &&
          place->texels >= slot->texels && place->texels < best) {
        best = place->texels;
        slot->place = p;
      }
    }
    Place place = {.texels = slot->texels, .until = slot->last, .kept = kept, .half = slot->half};
    if (slot->place == compiled->places->len)
      g_array_append_val (compiled->places, place);
    else
      place_at (compiled, slot->place)->until = slot->last;
    if (kept)
      compiled->kept_bytes += (size_t)slot->texels * (slot->half ? 8 : 16);
  }
}

static const GonioGlMemory *
memory_of (const GonioCompiled *compiled, guint slot)
{
  return &place_at (compiled, slot_at (compiled, slot)->place)->memory;
}

/* Weights, which stay. */
static gboolean
upload_numbers (GonioCompiled *compiled, GonioGlContext *context, GError **error)
{
  const GonioGlDevice *device = compiled->backend->device;
  for (guint i = 0; i < compiled->slots->len; i++) {
    Slot *slot = slot_at (compiled, i);
    if (slot->kind != SLOT_NUMBERS)
      continue;
    if (!device->memory_new (context, slot->texels, slot->half,
                             &place_at (compiled, slot->place)->memory, error))
      return FALSE;
    if (slot->n > 0)
      device->upload (context, memory_of (compiled, i), gonio_tensor_data (slot->numbers), slot->n);
    g_clear_pointer (&slot->numbers, gonio_tensor_unref);
  }
  return gonio_gl_context_check (context, "the upload of weights", error);
}

static gboolean
take_places (GonioCompiled *compiled, GError **error)
{
  for (guint p = 0; p < compiled->places->len; p++) {
    Place *place = place_at (compiled, p);
    if (!place->kept && !gonio_gl_buffers_take (compiled->backend->buffers, place->texels,
                                                place->half, &place->memory, error))
      return FALSE;
  }
  return TRUE;
}

static void
give_places (GonioCompiled *compiled)
{
  for (guint p = 0; p < compiled->places->len; p++)
    if (!place_at (compiled, p)->kept)
      gonio_gl_buffers_give (compiled->backend->buffers, &place_at (compiled, p)->memory);
}

/* So that what does not fit is known before the first run. */
static gboolean
take_memory (GonioGlContext *context, gpointer data, GError **error)
{
  GonioCompiled *compiled = data;
  gboolean good = upload_numbers (compiled, context, error) && take_places (compiled, error);
  give_places (compiled);
  return good;
}

/* ---- compiling ---- */

typedef struct {
  GonioBackend *backend;
  const GonioRegion *region;
  GonioCompiled *compiled;
} Compilation;

/* What leaves is in 32 bits where there are any; a view of what stays inside may not be. */
static gboolean
lower_output (GonioGlLower *lower, guint i, GError **error)
{
  GonioGlSlot slot;
  if (!read_value (lower, lower->region->outputs[i], GONIO_GL_PLAIN, &slot, error))
    return FALSE;
  if (lower->backend->full && slot_at (lower->compiled, slot)->half) {
    gint64 n = slot_at (lower->compiled, slot)->n, texels = (n + 3) / 4;
    GonioGlStep step = {.kernel = "move.glsl", .inputs = {slot}, .n_inputs = 1};
    step.defines = g_strdup ("AXES 1;TEXELS 1");
    step.params[0] = (int)texels;
    step.params[10] = 1;
    slot = keep_full (lower, add_slot (lower->compiled, SLOT_WORK, n, texels));
    step.output = slot;
    if (!gonio_gl_add (lower, &step, error))
      return FALSE;
  }
  lower->compiled->outputs[i] = slot;
  slot_at (lower->compiled, slot)->last = G_MAXUINT;
  return TRUE;
}

static gboolean
lower_region (GonioGlContext *context, gpointer data, GError **error)
{
  const Compilation *job = data;
  const GonioRegion *region = job->region;
  GonioCompiled *compiled = job->compiled;
  GonioGlLower lower = {
      .backend = job->backend, .compiled = compiled, .graph = region->graph, .region = region};
  for (guint i = 0; i < region->n_inputs; i++) {
    GonioShape shape = gonio_gl_shape (gonio_graph_value (region->graph, region->inputs[i]));
    guint slot = add_slot (compiled, SLOT_INPUT, gonio_gl_count (&shape),
                           gonio_gl_texels (&shape, GONIO_GL_PLAIN));
    slot_at (compiled, slot)->index = i;
    add_form (forms_of (compiled, region->inputs[i]), slot, 0, 0);
    compiled->input_counts[i] = gonio_gl_count (&shape);
  }
  g_autoptr (GPtrArray) chains = gonio_gl_chains (region);
  for (guint i = 0; i < region->n_nodes; i++) {
    const GArray *chain = chains->pdata[i];
    if (chain->len == 0)
      continue;
    lower.chain = (const GonioNodeId *)chain->data;
    lower.n_chain = chain->len;
    lower.id = region->nodes[i];
    lower.node = gonio_graph_node (region->graph, lower.id);
    if (!gonio_gl_op (lower.node->op)->lower (&lower, error)) {
      g_prefix_error (error, "%s '%s': ", gonio_op_name (lower.node->op), lower.node->name);
      return FALSE;
    }
  }
  for (guint i = 0; i < region->n_outputs; i++) {
    if (!lower_output (&lower, i, error))
      return FALSE;
    compiled->output_shapes[i] =
        gonio_gl_shape (gonio_graph_value (region->graph, region->outputs[i]));
  }
  plan_places (compiled);
  if (!compiled->guarded || !job->backend->device->guard_kernel)
    return TRUE;
  compiled->guard_program = gonio_gl_programs_get (
      job->backend->programs, job->backend->device->guard_kernel, 1, 0, NULL, error);
  return compiled->guard_program != NULL;
}

guint
gonio_gl_compiled_steps (const GonioCompiled *compiled)
{
  return compiled->steps->len;
}

GonioCompiled *
gonio_gl_compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  GonioCompiled *compiled = g_new0 (GonioCompiled, 1);
  compiled->backend = backend;
  compiled->slots = g_array_new (FALSE, TRUE, sizeof (Slot));
  compiled->steps = g_array_new (FALSE, TRUE, sizeof (Step));
  compiled->places = g_array_new (FALSE, TRUE, sizeof (Place));
  compiled->values = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
  compiled->n_inputs = region->n_inputs;
  compiled->n_outputs = region->n_outputs;
  compiled->input_counts = g_new0 (gint64, region->n_inputs + 1);
  compiled->outputs = g_new0 (GonioGlSlot, region->n_outputs + 1);
  compiled->output_shapes = g_new0 (GonioShape, region->n_outputs + 1);
  Compilation job = {backend, region, compiled};
  gboolean done = gonio_gl_context_call (backend->context, lower_region, &job, error);
  if (done) /* on many machines it is the same memory */
    done = gonio_memory_budget_take (compiled->kept_bytes, "weights on the graphics card",
                                     &compiled->budget, error);
  if (!done)
    compiled->kept_bytes = 0;
  done = done && gonio_gl_context_call (backend->context, take_memory, compiled, error);
  g_clear_pointer (&compiled->values, g_hash_table_unref);
  if (!done)
    g_clear_pointer (&compiled, gonio_gl_compiled_free);
  return compiled;
}

static void
free_memories (gpointer data)
{
  GonioCompiled *compiled = data;
  for (guint i = 0; i < compiled->places->len; i++)
    compiled->backend->device->memory_clear (&place_at (compiled, i)->memory);
  gonio_gl_buffers_trim (compiled->backend->buffers); /* others take what they need anew */
}

void
gonio_gl_compiled_free (GonioCompiled *compiled)
{
  if (!compiled)
    return;
  gonio_gl_context_free (compiled->backend->context, free_memories, compiled);
  for (guint i = 0; i < compiled->slots->len; i++)
    g_clear_pointer (&slot_at (compiled, i)->numbers, gonio_tensor_unref);
  for (guint i = 0; i < compiled->steps->len; i++)
    g_free (g_array_index (compiled->steps, Step, i).step.defines);
  g_array_unref (compiled->slots);
  g_array_unref (compiled->steps);
  g_array_unref (compiled->places);
  gonio_memory_budget_give (compiled->budget, compiled->kept_bytes); /* held for no bytes too */
  g_free (compiled->input_counts);
  g_free (compiled->outputs);
  g_free (compiled->output_shapes);
  g_free (compiled);
}

/* ---- running ---- */

typedef struct {
  GonioCompiled *compiled;
  const GonioRunArgs *args;
  GonioTensor *const *inputs;
  GonioTensor **outputs;
} Run;

/* One run on its way. At most one piece of work is ahead of the card. */
typedef struct {
  const Run *run;
  GonioGlContext *context;
  GonioGlGuard guard;
  gint64 reads;  /* since the mark */
  gpointer mark; /* behind the piece before */
} Progress;

/* Waits for the piece before the one that has just been handed over. */
static gboolean
next_piece (Progress *progress, GError **error)
{
  gpointer mark = g_steal_pointer (&progress->mark);
  progress->reads = 0;
  progress->mark = gonio_gl_context_mark (progress->context);
  return (!mark || gonio_gl_context_wait (progress->context, mark, error)) &&
         !g_cancellable_set_error_if_cancelled (progress->run->args->cancellable, error);
}

static gboolean
finish (Progress *progress, GError **error)
{
  gpointer mark = g_steal_pointer (&progress->mark);
  return !mark || gonio_gl_context_wait (progress->context, mark, error);
}

static gboolean
run_step (Progress *progress, guint index, GError **error)
{
  const GonioCompiled *compiled = progress->run->compiled;
  const Step *step = &g_array_index (compiled->steps, Step, index);
  gint64 texels = slot_at (compiled, step->step.output)->texels;
  gint64 end = step->step.groups > 0   ? step->step.groups
               : step->step.texels > 0 ? step->step.first + step->step.texels
                                       : texels;
  gint64 each = MAX (step->step.reads, FEW_READS), most = MAX (MOST_READS / each, 1);
  GonioGlWork work = {.program = step->program,
                      .n_inputs = step->step.n_inputs,
                      .output = memory_of (compiled, step->step.output),
                      .n_more = step->step.n_more,
                      .first = step->step.first,
                      .guard = step->guarded ? &progress->guard : NULL,
                      .step = index,
                      .grouped = step->step.groups > 0};
  for (guint i = 0; i < work.n_inputs; i++)
    work.inputs[i] = memory_of (compiled, step->step.inputs[i]);
  for (guint i = 0; i < work.n_more; i++)
    work.more[i] = memory_of (compiled, step->step.more[i]);
  glUseProgram (step->program->name);
  if (step->program->params >= 0)
    glUniform1iv (step->program->params, GONIO_GL_PARAMS, step->step.params);
  if (step->program->floats >= 0)
    glUniform1fv (step->program->floats, GONIO_GL_FLOATS, step->step.floats);
  for (; work.first < end; work.first += work.texels) {
    work.texels = MIN (end - work.first, most);
    compiled->backend->device->run (progress->context, &work);
    progress->reads += work.texels * each;
    if (progress->reads >= MOST_READS && !next_piece (progress, error))
      return FALSE;
  }
  work.first = 0;
  work.texels = texels;
  if (work.guard && compiled->guard_program && texels > 0 && end == texels)
    compiled->backend->device->guard_look (progress->context, &work, compiled->guard_program);
  return TRUE;
}

static gboolean
run_steps (Progress *progress, GError **error)
{
  const Run *run = progress->run;
  gboolean good = TRUE;
  for (guint i = 0; good && i < run->compiled->steps->len; i++) {
    gint64 start = g_get_monotonic_time () * 1000;
    good = !g_cancellable_set_error_if_cancelled (run->args->cancellable, error) &&
           run_step (progress, i, error);
    if (good && run->args->timer) {
      good = next_piece (progress, error) && finish (progress, error);
      run->args->timer (run->args->timer_data, g_array_index (run->compiled->steps, Step, i).node,
                        start, g_get_monotonic_time () * 1000);
    }
  }
  return good;
}

/* Names the nodes whose results left the range, but not those that only read such. */
static gboolean
look_at_guard (const Progress *progress, GError **error)
{
  const Run *run = progress->run;
  const GonioCompiled *compiled = run->compiled;
  g_autofree gboolean *beyond = g_new0 (gboolean, compiled->steps->len + 1);
  g_autofree gboolean *spoilt = g_new0 (gboolean, compiled->slots->len + 1);
  gboolean good = TRUE;
  compiled->backend->device->guard_read (&progress->guard, beyond);
  for (guint i = 0; i < compiled->steps->len; i++) {
    const Step *step = &g_array_index (compiled->steps, Step, i);
    gboolean of_spoilt = FALSE;
    for (guint k = 0; k < step->step.n_inputs; k++)
      of_spoilt |= spoilt[step->step.inputs[k]];
    if (beyond[i] && !of_spoilt)
      run->args->refuse (run->args->refuse_data, step->node,
                         "a value left the range of 16 bits, 65,504 either way");
    good &= !beyond[i];
    spoilt[step->step.output] |= beyond[i] || (of_spoilt && !step->guarded);
    for (guint k = 0; k < step->step.n_more; k++)
      spoilt[step->step.more[k]] |= of_spoilt;
  }
  if (!good)
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_REFUSED,
                 "%s: a value left the range of 16 bits, 65,504 either way; 32 bits (fp32) have "
                 "room for it",
                 compiled->backend->device->name);
  return good;
}

static gboolean
run_on_thread (GonioGlContext *context, gpointer data, GError **error)
{
  const Run *run = data;
  GonioCompiled *compiled = run->compiled;
  const GonioGlDevice *device = compiled->backend->device;
  Progress progress = {.run = run, .context = context};
  if (!take_places (compiled, error))
    return FALSE;
  for (guint i = 0; i < compiled->slots->len; i++) {
    const Slot *slot = slot_at (compiled, i);
    if (slot->kind == SLOT_INPUT && slot->n > 0)
      device->upload (context, memory_of (compiled, i),
                      gonio_tensor_data (run->inputs[slot->index]), slot->n);
  }
  if (compiled->guarded)
    device->guard_new (compiled->steps->len, &progress.guard);
  gboolean good = run_steps (&progress, error) && next_piece (&progress, error);
  good = finish (&progress, good ? error : NULL) && good;
  if (compiled->guarded) {
    good = good && look_at_guard (&progress, error);
    device->guard_clear (&progress.guard);
  }
  for (guint i = 0; good && i < compiled->n_outputs; i++)
    if (slot_at (compiled, compiled->outputs[i])->n > 0)
      device->download (context, memory_of (compiled, compiled->outputs[i]),
                        gonio_tensor_writable_data (run->outputs[i]),
                        slot_at (compiled, compiled->outputs[i])->n);
  return good && gonio_gl_context_check (context, "reading results", error);
}

static gboolean
run_region (GonioGlContext *context, gpointer data, GError **error)
{
  const Run *run = data;
  gboolean good = run_on_thread (context, data, error);
  give_places (run->compiled);
  return good;
}

gboolean
gonio_gl_run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
              GonioTensor **outputs, GError **error)
{
  for (guint i = 0; i < compiled->n_inputs; i++)
    if (!inputs[i] || gonio_tensor_dtype (inputs[i]) != GONIO_DTYPE_FLOAT ||
        gonio_tensor_count (inputs[i]) != compiled->input_counts[i]) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                   "%s: region input %u is not what was planned", compiled->backend->device->name,
                   i);
      return FALSE;
    }
  for (guint i = 0; i < compiled->n_outputs; i++) {
    if (!outputs[i])
      outputs[i] = gonio_tensor_new (GONIO_DTYPE_FLOAT, &compiled->output_shapes[i], error);
    if (!outputs[i])
      return FALSE;
    if (gonio_tensor_count (outputs[i]) != gonio_gl_count (&compiled->output_shapes[i])) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE,
                   "%s: region output %u is not what was planned", compiled->backend->device->name,
                   i);
      return FALSE;
    }
  }
  Run run = {compiled, args, inputs, outputs};
  return gonio_gl_context_call (compiled->backend->context, run_region, &run, error);
}
