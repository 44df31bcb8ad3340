/* Shared by gonio-item.c and gonio-item-edit.c only. */
#pragma once

#include "ui/model/gonio-item.h"

G_BEGIN_DECLS

struct _GonioItem {
  GObject parent_instance;
  GFile *file;
  char *title;
  char *subtitle;
  char *message;
  GonioResultState state;
  GdkTexture *thumbnail;
  GonioPipelineOutput *output;
  GonioPipelineOutput *previous; /* kept while it is measured again */
  gboolean keep_edits;           /* the coming output takes over what a person placed */
  GonioPyramid *pyramid[2];      /* original, rectified */
  GonioMeasureOptions options;
  char *protocol;           /* storage of options.protocol */
  GPtrArray *found_reasons; /* char*: what finding view and landmarks had to say; edits keep it */
  GPtrArray *undo;          /* GonioItemStep*, oldest first */
  GPtrArray *redo;
  gboolean editing;     /* what comes is one step of undo ... */
  gboolean edit_pushed; /* ... whose entry has been made */
};

/* What an edit can change. */
typedef struct {
  GonioResult *result;
  GonioProtocol *protocol; /* nullable */
} GonioItemStep;
void gonio_item_step_free (gpointer step);

void gonio_item_emit_changed (GonioItem *self);
void gonio_item_set_state (GonioItem *self, GonioResultState state, const char *message);
/* Reasons, one a line; NULL when there are none. (transfer full) */
char *gonio_item_reasons_text (const GonioResult *result);
/* Gives the present output what a person changed in the previous one. */
void gonio_item_take_over_edits (GonioItem *self);
/* Parts the reasons of a fresh result into those that edits can change and those that stay. */
void gonio_item_keep_found_reasons (GonioItem *self);

G_END_DECLS
