/* Shared by gonio-main-window.c, -actions.c and -files.c only. */
#pragma once

#include "ui/model/gonio-engine.h"
#include "ui/model/gonio-queue.h"
#include "ui/viewer/gonio-viewer.h"
#include "ui/widgets/gonio-measures-pane.h"
#include "ui/window/gonio-main-window.h"

G_BEGIN_DECLS

struct _GonioMainWindow {
  AdwApplicationWindow parent_instance;

  GonioEngine *engine;
  GonioPipeline *pipeline; /* the engine's; nullable */
  char *engine_error;      /* that has been shown; nullable */
  GonioQueue *queue;
  GFile *sample;       /* nullable */
  GSettings *settings; /* nullable: schema not installed */
  GListStore *items;   /* GonioItem */
  GtkSingleSelection *selection;
  GtkFilter *filter;

  AdwWindowTitle *title;
  AdwFlap *list_flap;
  AdwFlap *measures_flap;
  GtkStack *stack;
  AdwStatusPage *empty;
  GtkListView *list;
  GtkSearchEntry *search;
  GtkBox *viewer_box;
  GtkBox *mode_bar; /* what the viewer waits for */
  GtkLabel *mode_hint;
  GtkButton *mode_apply;
  GtkLabel *status;
  GtkBox *where_box;
  GtkImage *where_warning;
  GtkLabel *where;
  GtkBox *progress_box;
  GtkProgressBar *progress;
  GtkLabel *progress_text;
  GtkInfoBar *notice;
  AdwToastOverlay *toasts;
  GtkToggleButton *before_after;
  GtkButton *sample_button;

  GtkWidget *viewer;
  GtkWidget *measures;
  gulong item_handler;
};

GonioItem *gonio_main_window_current (GonioMainWindow *self); /* nullable, borrowed */
void gonio_main_window_toast (GonioMainWindow *self, const char *text);
void gonio_main_window_update (GonioMainWindow *self); /* title, status, action states */
void gonio_main_window_install_actions (GtkWidgetClass *klass);
void gonio_main_window_update_actions (GonioMainWindow *self);
void gonio_main_window_add_drop_target (GonioMainWindow *self);

G_END_DECLS
