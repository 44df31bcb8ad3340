/* One picture in the list: its file, state, result and edit history. GObject, main thread
 * only. Depends on core's pipeline. */
#pragma once

#include "core/pipeline/pipeline.h"
#include "ui/viewer/gonio-pyramid.h"

#include <gdk/gdk.h>

G_BEGIN_DECLS

#define GONIO_TYPE_ITEM (gonio_item_get_type ())
G_DECLARE_FINAL_TYPE (GonioItem, gonio_item, GONIO, ITEM, GObject)

/* Properties (notify): "title", "subtitle", "state", "thumbnail", "message".
 * Signal "changed": landmarks, measures or state were edited. */
GonioItem *gonio_item_new (GFile *file);

GFile *gonio_item_get_file (GonioItem *self);
const char *gonio_item_get_title (GonioItem *self);
GonioResultState gonio_item_get_state (GonioItem *self);
const char *gonio_item_get_message (GonioItem *self); /* error or progress in words; nullable */
/* NULL until measured. */
const GonioPipelineOutput *gonio_item_get_output (GonioItem *self);
GonioResult *gonio_item_get_result (GonioItem *self);
GonioPyramid *gonio_item_get_pyramid (GonioItem *self, gboolean rectified);

/* A result that is there is kept aside until a new one comes; when measuring again fails or is
 * stopped, it comes back. */
void gonio_item_set_queued (GonioItem *self);
void gonio_item_set_working (GonioItem *self, const char *stage);
void gonio_item_set_failed (GonioItem *self, const char *message);
/* Takes output, pyramids and thumbnail. Clears the edit history. */
void gonio_item_set_output (GonioItem *self, GonioPipelineOutput *output, GonioPyramid *original,
                            GonioPyramid *rectified, GdkTexture *thumbnail);

/* How the next measurement is to be done; kept over re-measuring. */
GonioMeasureOptions *gonio_item_options (GonioItem *self);
/* What a person has placed, left out or locked is kept in the next measurement. */
void gonio_item_keep_edits (GonioItem *self);
void gonio_item_set_protocol (GonioItem *self, const char *protocol);

/* ---- edits: every one is a step of undo, measures are recomputed at once ---- */
void gonio_item_begin_edit (GonioItem *self); /* a drag or a run of nudges is one step */
void gonio_item_move_landmark (GonioItem *self, const char *id, GonioPoint original_px);
void gonio_item_end_edit (GonioItem *self);
void gonio_item_restore_landmark (GonioItem *self, const char *id);
void gonio_item_skip_landmark (GonioItem *self, const char *id, gboolean skip);
/* Measures by hand: that protocol's landmarks, none of them placed. */
void gonio_item_begin_manual (GonioItem *self, GonioProtocol *protocol);
/* A locked landmark is neither moved nor restored nor skipped. */
void gonio_item_lock_landmark (GonioItem *self, const char *id, gboolean locked);
void gonio_item_set_side (GonioItem *self, GonioSide side);
void gonio_item_confirm (GonioItem *self, gboolean confirmed);
gboolean gonio_item_can_undo (GonioItem *self);
gboolean gonio_item_can_redo (GonioItem *self);
void gonio_item_undo (GonioItem *self);
void gonio_item_redo (GonioItem *self);

/* Words and icon of a state. Static strings, translated. */
const char *gonio_state_words (GonioResultState state);
const char *gonio_state_icon (GonioResultState state);
/* Words of a stage of the pipeline, likewise. */
const char *gonio_stage_words (const char *stage);

G_END_DECLS
