/* Convolutions that follow each other on large images run line by line: what one leaves is read by
 * the next while it is still in the cache, and never exists as a whole. Expanding, depthwise and
 * projecting convolutions of a bottleneck would otherwise wait for memory most of their time. */
#include "backends/cpu/compiled.h"
#include "backends/cpu/conv.h"

#include <string.h>

#define MOST_STAGES 8
#define LARGE       ((size_t)1 << 20) /* bytes of a result that is worth not having */
#define LINES_BYTES                                                                                \
  ((size_t)768 * 1024) /* of lines kept between stages, in the second-level cache */
#define MOST_LINES 16

typedef struct {
  int64_t first, end;
} Span;

typedef struct {
  const GonioCpuConv *conv; /* begins the data of its step */
  GonioCpuLinesFunc lines;
  size_t length; /* floats of a line of the result */
  size_t kept;   /* of the lines kept, where they start in the scratch memory */
} Stage;

typedef struct {
  Stage stages[MOST_STAGES];
  guint n;
  int64_t band;  /* lines of the last result that are made at a time */
  size_t floats; /* scratch memory of a thread */
  GonioCpuSlot scratch;
  int64_t shares;    /* of the last result's lines, each with its own beginning */
  GonioCpuStep last; /* the step that the chain took the place of */
} Chain;

/* Lines of the image that lines of the result are made from. */
static Span
needed (const GonioCpuConv *conv, Span out)
{
  const GonioCpuWindow *w = &conv->window;
  int64_t first = out.first * w->stride[0] - w->before[0];
  int64_t end =
      (out.end - 1) * w->stride[0] - w->before[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
  first = CLAMP (first, 0, w->in[0]);
  return (Span){first, CLAMP (end, first, w->in[0])};
}

/* ---- running ---- */

typedef struct {
  const Chain *chain;
  const GonioCpuRun *run;
  float *scratch;
} Job;

typedef struct {
  const Job *job;
  float *kept;
  Span have[MOST_STAGES];
} Share;

static void
run_stage (Share *share, guint k, Span lines)
{
  const Chain *chain = share->job->chain;
  const GonioCpuRun *run = share->job->run;
  const Stage *stage = &chain->stages[k];
  const float *in;
  float *out;
  if (lines.first >= lines.end)
    return;
  if (k == 0) {
    in = (const float *)gonio_cpu_ptr (run, stage->conv->in) + stage->conv->window.offset;
  } else {
    const Stage *before = stage - 1;
    in = share->kept + before->kept - share->have[k - 1].first * (int64_t)before->length;
  }
  if (k == chain->n - 1)
    out = (float *)gonio_cpu_ptr (run, stage->conv->out) + stage->conv->offset_out;
  else
    out = share->kept + stage->kept - share->have[k].first * (int64_t)stage->length;
  stage->lines (stage->conv, run, in, gonio_cpu_ptr (run, stage->conv->add), out, lines.first,
                lines.end);
}

/* Lets the lines before the first wanted one go and makes those that are missing. */
static void
advance (Share *share, guint k, Span want)
{
  const Stage *stage = &share->job->chain->stages[k];
  Span *have = &share->have[k];
  float *kept = share->kept + stage->kept;
  int64_t gone = want.first - have->first, left = MAX (have->end - want.first, 0);
  if (gone > 0 && left > 0)
    memmove (kept, kept + (size_t)gone * stage->length,
             (size_t)left * stage->length * sizeof *kept);
  have->first = want.first;
  have->end = want.first + left;
  run_stage (share, k, (Span){have->end, want.end});
  have->end = MAX (have->end, want.end);
}

static void
run_band (Share *share, Span lines)
{
  const Chain *chain = share->job->chain;
  Span want[MOST_STAGES];
  want[chain->n - 1] = lines;
  for (guint k = chain->n - 1; k > 0; k--)
    want[k - 1] = needed (chain->stages[k].conv, want[k]);
  for (guint k = 0; k + 1 < chain->n; k++)
    advance (share, k, want[k]);
  run_stage (share, chain->n - 1, lines);
}

static void
work (void *context, guint worker, GonioCpuItems *items)
{
  const Job *job = context;
  const Chain *chain = job->chain;
  int64_t height = chain->stages[chain->n - 1].conv->window.out[0];
  size_t item;
  while (gonio_cpu_next (items, worker, &item)) {
    Share share = {.job = job, .kept = job->scratch + worker * chain->floats};
    int64_t end = height * ((int64_t)item + 1) / chain->shares;
    for (int64_t y = height * (int64_t)item / chain->shares; y < end; y += chain->band) {
      if (g_cancellable_is_cancelled (job->run->cancellable))
        return;
      run_band (&share, (Span){y, MIN (y + chain->band, end)});
    }
  }
}

static gboolean
chain_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Chain *chain = data;
  Job job = {chain, run, gonio_cpu_ptr (run, chain->scratch)};
  gonio_cpu_workers (run, (size_t)chain->shares, work, &job);
  return TRUE;
}

static void
chain_clear (gpointer data)
{
  Chain *chain = data;
  if (chain->last.clear)
    chain->last.clear (chain->last.data);
  g_free (chain->last.data);
}

/* ---- finding ---- */

static GonioCpuStep *
step_at (const GonioCompiled *compiled, guint i)
{
  return &g_array_index (compiled->steps, GonioCpuStep, i);
}

/* The step that alone reads what step i makes, when both work line by line and what is between
 * them is large and nobody else's; else 0. */
static guint
next_stage (const GonioCompiled *compiled, const GHashTable *steps, guint i)
{
  const GonioCpuConv *conv = step_at (compiled, i)->data;
  const GonioNode *node = gonio_graph_node (compiled->graph, step_at (compiled, i)->node);
  guint n_users, next;
  const GonioNodeId *users = gonio_graph_users (compiled->graph, node->outputs[0], &n_users);
  const GonioCpuSlotInfo *slot = gonio_cpu_slot_at (compiled, conv->out);
  if (n_users != 1 || slot->kind != GONIO_PLACE_ARENA || slot->root >= 0 || slot->bytes < LARGE ||
      conv->offset_out != 0 || conv->pixel != conv->window.channels_out)
    return 0;
  next =
      GPOINTER_TO_UINT (g_hash_table_lookup ((GHashTable *)steps, GUINT_TO_POINTER (users[0] + 1)));
  if (next == 0 || !step_at (compiled, next)->lines)
    return 0;
  const GonioCpuConv *user = step_at (compiled, next)->data;
  return user->in == conv->out && user->window.batch == 1 ? next : 0;
}

/* As many lines at a time as keep all that is between the stages in the cache; FALSE when even one
 * is too much. */
static gboolean
plan_lines (Chain *chain)
{
  for (chain->band = MOST_LINES; chain->band > 0; chain->band /= 2) {
    int64_t lines = chain->band;
    chain->floats = 0;
    for (guint k = chain->n - 1; k > 0; k--) {
      const GonioCpuWindow *w = &chain->stages[k].conv->window;
      lines = (lines - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
      lines = MIN (lines, w->in[0]);
      chain->stages[k - 1].kept = chain->floats;
      chain->floats += ((size_t)lines * chain->stages[k - 1].length + 15) / 16 * 16;
    }
    if (chain->floats * sizeof (float) <= LINES_BYTES)
      return TRUE;
  }
  return FALSE;
}

static void
use_until (const GonioCompiled *compiled, GonioCpuSlot slot, guint step)
{
  if (slot == GONIO_CPU_NO_SLOT)
    return;
  GonioCpuSlotInfo *root =
      gonio_cpu_slot_at (compiled, gonio_cpu_slot_root (compiled->slots, slot, NULL));
  root->last = MAX (root->last, step);
}

/* The last step does the work of all; what was between them takes no memory. */
static void
link_steps (GonioCompiled *compiled, const guint *members, const Chain *plan)
{
  guint last = members[plan->n - 1], threads = MAX (compiled->backend->threads, 1);
  Chain *chain = g_memdup2 (plan, sizeof *plan);
  for (guint k = 0; k + 1 < chain->n; k++) {
    const GonioCpuConv *conv = chain->stages[k].conv;
    step_at (compiled, members[k])->run = NULL;
    gonio_cpu_slot_at (compiled, conv->out)->bytes = 0;
    if (k == 0)
      use_until (compiled, conv->in, last);
    use_until (compiled, conv->add, last);
  }
  /* what the chain begins with is read after its end has begun to be written */
  GonioCpuSlotInfo *out = gonio_cpu_slot_at (compiled, chain->stages[chain->n - 1].conv->out);
  out->takes[0] = out->takes[1] = -1;
  chain->scratch =
      gonio_cpu_slot_add (compiled, GONIO_PLACE_ARENA, threads * chain->floats * sizeof (float));
  GonioCpuSlotInfo *scratch = gonio_cpu_slot_at (compiled, chain->scratch);
  scratch->first = scratch->last = last;
  chain->shares =
      threads > 1 ? MIN ((int64_t)threads, chain->stages[chain->n - 1].conv->window.out[0]) : 1;
  GonioCpuStep *step = step_at (compiled, last);
  chain->last = *step;
  step->run = chain_run;
  step->data = chain;
  step->clear = chain_clear;
  step->lines = NULL;
}

static void
add_stage (Chain *chain, const GonioCpuStep *step)
{
  const GonioCpuConv *conv = step->data;
  chain->stages[chain->n++] = (Stage){
      .conv = conv, .lines = step->lines, .length = (size_t)(conv->window.out[1] * conv->pixel)};
}

void
gonio_cpu_chain (GonioCompiled *compiled)
{
  g_autoptr (GHashTable) steps = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < compiled->steps->len; i++)
    if (step_at (compiled, i)->lines)
      g_hash_table_insert (steps, GUINT_TO_POINTER (step_at (compiled, i)->node + 1),
                           GUINT_TO_POINTER (i));
  for (guint i = 0; i < compiled->steps->len; i++) {
    const GonioCpuStep *first = step_at (compiled, i);
    guint members[MOST_STAGES];
    Chain chain = {0};
    if (!first->run || !first->lines || ((const GonioCpuConv *)first->data)->window.batch != 1)
      continue;
    for (guint at = i; at != 0 || chain.n == 0; at = next_stage (compiled, steps, at)) {
      members[chain.n] = at;
      add_stage (&chain, step_at (compiled, at));
      if (chain.n == MOST_STAGES)
        break;
    }
    while (chain.n > 1 && !plan_lines (&chain))
      chain.n--;
    if (chain.n > 1)
      link_steps (compiled, members, &chain);
  }
}
