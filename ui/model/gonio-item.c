/* One picture in the list; see gonio-item.h. */
#include "ui/model/gonio-item-private.h"

#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (GonioItem, gonio_item, G_TYPE_OBJECT)

enum { PROP_0, PROP_TITLE, PROP_SUBTITLE, PROP_STATE, PROP_THUMBNAIL, PROP_MESSAGE, N_PROPS };
static GParamSpec *props[N_PROPS];
enum { CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

void
gonio_item_emit_changed (GonioItem *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

const char *
gonio_state_words (GonioResultState state)
{
  static const char *const words[] = {
      [GONIO_STATE_QUEUED] = N_ ("Waiting"),    [GONIO_STATE_WORKING] = N_ ("Measuring"),
      [GONIO_STATE_TO_CHECK] = N_ ("To check"), [GONIO_STATE_NO_ANSWER] = N_ ("No answer"),
      [GONIO_STATE_FAILED] = N_ ("Failed"),     [GONIO_STATE_CONFIRMED] = N_ ("Confirmed"),
  };
  return state < G_N_ELEMENTS (words) ? _ (words[state]) : "";
}

const char *
gonio_state_icon (GonioResultState state)
{
  static const char *const icons[] = {
      [GONIO_STATE_QUEUED] = "document-open-recent-symbolic",
      [GONIO_STATE_WORKING] = "emblem-synchronizing-symbolic",
      [GONIO_STATE_TO_CHECK] = "view-reveal-symbolic",
      [GONIO_STATE_NO_ANSWER] = "dialog-question-symbolic",
      [GONIO_STATE_FAILED] = "dialog-error-symbolic",
      [GONIO_STATE_CONFIRMED] = "object-select-symbolic",
  };
  return state < G_N_ELEMENTS (icons) ? icons[state] : "dialog-question-symbolic";
}

const char *
gonio_stage_words (const char *stage)
{
  static const struct {
    const char *stage, *words;
  } table[] = {
      {"decode", N_ ("Reading the picture")}, {"rectify", N_ ("Flattening the picture")},
      {"view", N_ ("Recognising the view")},  {"landmarks", N_ ("Finding the bones")},
      {"measure", N_ ("Measuring")},
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_strcmp0 (stage, table[i].stage) == 0)
      return _ (table[i].words);
  return _ ("Measuring");
}

/* ---- life ---- */

static void
gonio_item_finalize (GObject *object)
{
  GonioItem *self = GONIO_ITEM (object);
  g_clear_object (&self->file);
  g_clear_object (&self->thumbnail);
  g_clear_pointer (&self->title, g_free);
  g_clear_pointer (&self->subtitle, g_free);
  g_clear_pointer (&self->message, g_free);
  g_clear_pointer (&self->protocol, g_free);
  g_clear_pointer (&self->output, gonio_pipeline_output_free);
  g_clear_pointer (&self->previous, gonio_pipeline_output_free);
  for (int i = 0; i < 2; i++)
    g_clear_pointer (&self->pyramid[i], gonio_pyramid_unref);
  g_clear_pointer (&self->undo, g_ptr_array_unref);
  g_clear_pointer (&self->redo, g_ptr_array_unref);
  g_clear_pointer (&self->found_reasons, g_ptr_array_unref);
  G_OBJECT_CLASS (gonio_item_parent_class)->finalize (object);
}

static void
gonio_item_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GonioItem *self = GONIO_ITEM (object);
  switch (id) {
  case PROP_TITLE:
    g_value_set_string (value, self->title);
    break;
  case PROP_SUBTITLE:
    g_value_set_string (value, self->subtitle);
    break;
  case PROP_STATE:
    g_value_set_uint (value, self->state);
    break;
  case PROP_THUMBNAIL:
    g_value_set_object (value, self->thumbnail);
    break;
  case PROP_MESSAGE:
    g_value_set_string (value, self->message);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
gonio_item_class_init (GonioItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  object_class->finalize = gonio_item_finalize;
  object_class->get_property = gonio_item_get_property;
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  props[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, NULL, flags);
  props[PROP_SUBTITLE] = g_param_spec_string ("subtitle", NULL, NULL, NULL, flags);
  props[PROP_STATE] = g_param_spec_uint ("state", NULL, NULL, 0, 16, 0, flags);
  props[PROP_THUMBNAIL] = g_param_spec_object ("thumbnail", NULL, NULL, GDK_TYPE_PAINTABLE, flags);
  props[PROP_MESSAGE] = g_param_spec_string ("message", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[CHANGED] = g_signal_new ("changed", GONIO_TYPE_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
gonio_item_init (GonioItem *self)
{
  self->undo = g_ptr_array_new_with_free_func (gonio_item_step_free);
  self->redo = g_ptr_array_new_with_free_func (gonio_item_step_free);
}

GonioItem *
gonio_item_new (GFile *file)
{
  GonioItem *self = g_object_new (GONIO_TYPE_ITEM, NULL);
  self->file = g_object_ref (file);
  g_autofree char *name = g_file_get_basename (file);
  self->title = g_filename_display_name (name);
  return self;
}

/* ---- facts ---- */

GFile *
gonio_item_get_file (GonioItem *self)
{
  return self->file;
}

const char *
gonio_item_get_title (GonioItem *self)
{
  return self->title;
}

GonioResultState
gonio_item_get_state (GonioItem *self)
{
  return self->state;
}

const char *
gonio_item_get_message (GonioItem *self)
{
  return self->message;
}

const GonioPipelineOutput *
gonio_item_get_output (GonioItem *self)
{
  return self->output;
}

GonioResult *
gonio_item_get_result (GonioItem *self)
{
  return self->output ? self->output->result : NULL;
}

GonioPyramid *
gonio_item_get_pyramid (GonioItem *self, gboolean rectified)
{
  return self->output ? self->pyramid[rectified ? 1 : 0] : NULL;
}

GonioMeasureOptions *
gonio_item_options (GonioItem *self)
{
  return &self->options;
}

void
gonio_item_keep_edits (GonioItem *self)
{
  self->keep_edits = TRUE;
}

void
gonio_item_set_protocol (GonioItem *self, const char *protocol)
{
  g_free (self->protocol);
  self->protocol = g_strdup (protocol);
  self->options.protocol = self->protocol;
}

/* ---- states ---- */

char *
gonio_item_reasons_text (const GonioResult *result)
{
  if (result->reasons->len == 0)
    return NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < result->reasons->len; i++)
    g_string_append_printf (text, "%s%s", i ? "\n" : "",
                            (const char *)g_ptr_array_index (result->reasons, i));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static const char *
side_words (GonioSide side)
{
  switch (side) {
  case GONIO_SIDE_LEFT:
    return _ ("left");
  case GONIO_SIDE_RIGHT:
    return _ ("right");
  case GONIO_SIDE_BOTH:
    return _ ("both sides");
  default:
    return NULL;
  }
}

static void
update_subtitle (GonioItem *self)
{
  g_free (self->subtitle);
  self->subtitle = NULL;
  if (self->output && self->output->protocol) {
    const char *language = gonio_text_language ();
    const char *side = side_words (self->output->result->side);
    const char *title = gonio_protocol_title (self->output->protocol, language);
    self->subtitle = side ? g_strdup_printf ("%s, %s", title, side) : g_strdup (title);
  } else {
    self->subtitle = g_strdup (gonio_state_words (self->state));
  }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SUBTITLE]);
}

void
gonio_item_set_state (GonioItem *self, GonioResultState state, const char *message)
{
  self->state = state;
  if (self->output)
    self->output->result->state = state;
  char *text = g_strdup (message); /* first: it may be the old one */
  g_free (self->message);
  self->message = text;
  update_subtitle (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MESSAGE]);
}

void
gonio_item_set_queued (GonioItem *self)
{
  if (self->output) {
    g_clear_pointer (&self->previous, gonio_pipeline_output_free);
    self->previous = g_steal_pointer (&self->output);
  }
  gonio_item_set_state (self, GONIO_STATE_QUEUED, NULL);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
gonio_item_set_working (GonioItem *self, const char *stage)
{
  gonio_item_set_state (self, GONIO_STATE_WORKING, stage);
}

void
gonio_item_set_failed (GonioItem *self, const char *message)
{
  self->keep_edits = FALSE;
  if (self->previous) {
    self->output = g_steal_pointer (&self->previous);
    g_autofree char *reasons = gonio_item_reasons_text (self->output->result);
    g_autofree char *text =
        g_strdup_printf ("%s%s%s", message, reasons ? "\n" : "", reasons ? reasons : "");
    gonio_item_set_state (self, self->output->result->state, text);
  } else {
    gonio_item_set_state (self, GONIO_STATE_FAILED, message);
  }
  g_signal_emit (self, signals[CHANGED], 0);
}

void
gonio_item_set_output (GonioItem *self, GonioPipelineOutput *output, GonioPyramid *original,
                       GonioPyramid *rectified, GdkTexture *thumbnail)
{
  g_clear_pointer (&self->output, gonio_pipeline_output_free);
  self->output = output;
  g_clear_pointer (&self->pyramid[0], gonio_pyramid_unref);
  g_clear_pointer (&self->pyramid[1], gonio_pyramid_unref);
  self->pyramid[0] = original;
  self->pyramid[1] = rectified;
  g_clear_object (&self->thumbnail);
  self->thumbnail = thumbnail;
  g_ptr_array_set_size (self->undo, 0);
  g_ptr_array_set_size (self->redo, 0);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_THUMBNAIL]);
  gonio_item_keep_found_reasons (self);
  if (self->previous && self->keep_edits)
    gonio_item_take_over_edits (self);
  self->keep_edits = FALSE;
  g_clear_pointer (&self->previous, gonio_pipeline_output_free);
  g_autofree char *reasons = gonio_item_reasons_text (output->result);
  gonio_item_set_state (self, output->result->state, reasons);
  g_signal_emit (self, signals[CHANGED], 0);
}
