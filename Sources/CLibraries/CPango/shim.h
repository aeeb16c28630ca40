// Pango over Cairo: layouts of text, drawn into an image.
#pragma once
#include <pango/pangocairo.h>

/// Pango's units in one dot.
static const int text_image_scale = PANGO_SCALE;

/// Calls `g_object_unref`, which takes any GObject.
static inline void text_image_release(PangoLayout *layout) { g_object_unref(layout); }
