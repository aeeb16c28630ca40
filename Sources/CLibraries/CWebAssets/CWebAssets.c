#include "CWebAssets.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "web/index.html"
};
static const unsigned char icon_svg[] = {
#embed "web/icon.svg"
};
static const unsigned char base_css[] = {
#embed "web/base.css"
};
static const unsigned char screens_css[] = {
#embed "web/screens.css"
};
static const unsigned char panels_css[] = {
#embed "web/panels.css"
};
static const unsigned char app_js[] = {
#embed "web/app.js"
};
static const unsigned char server_js[] = {
#embed "web/server.js"
};
static const unsigned char words_js[] = {
#embed "web/words.js"
};
static const unsigned char amount_js[] = {
#embed "web/amount.js"
};
static const unsigned char sound_js[] = {
#embed "web/sound.js"
};
static const unsigned char draw_js[] = {
#embed "web/draw.js"
};
static const unsigned char operations_js[] = {
#embed "web/operations.js"
};
static const unsigned char desk_css[] = {
#embed "web/desk.css"
};
static const unsigned char desk_js[] = {
#embed "web/desk.js"
};
static const unsigned char desk_state_js[] = {
#embed "web/desk-state.js"
};
static const unsigned char desk_actions_js[] = {
#embed "web/desk-actions.js"
};
static const unsigned char desk_card_js[] = {
#embed "web/desk-card.js"
};
static const unsigned char desk_closure_js[] = {
#embed "web/desk-closure.js"
};
static const unsigned char desk_money_js[] = {
#embed "web/desk-money.js"
};
static const unsigned char desk_role_js[] = {
#embed "web/desk-role.js"
};
static const unsigned char desk_draw_js[] = {
#embed "web/desk-draw.js"
};
static const unsigned char catalogue_js[] = {
#embed "web/catalogue.js"
};
static const unsigned char desk_words_js[] = {
#embed "web/desk-words.js"
};
static const unsigned char fr_json[] = {
#embed "web/messages/fr.json"
};
static const unsigned char en_json[] = {
#embed "web/messages/en.json"
};

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JAVASCRIPT "text/javascript; charset=utf-8"

static const web_asset table[] = {
    {"/", HTML, index_html, sizeof index_html},
    {"/icon.svg", "image/svg+xml", icon_svg, sizeof icon_svg},
    {"/base.css", CSS, base_css, sizeof base_css},
    {"/screens.css", CSS, screens_css, sizeof screens_css},
    {"/panels.css", CSS, panels_css, sizeof panels_css},
    {"/app.js", JAVASCRIPT, app_js, sizeof app_js},
    {"/server.js", JAVASCRIPT, server_js, sizeof server_js},
    {"/words.js", JAVASCRIPT, words_js, sizeof words_js},
    {"/amount.js", JAVASCRIPT, amount_js, sizeof amount_js},
    {"/sound.js", JAVASCRIPT, sound_js, sizeof sound_js},
    {"/draw.js", JAVASCRIPT, draw_js, sizeof draw_js},
    {"/operations.js", JAVASCRIPT, operations_js, sizeof operations_js},
    {"/desk.css", CSS, desk_css, sizeof desk_css},
    {"/desk.js", JAVASCRIPT, desk_js, sizeof desk_js},
    {"/desk-state.js", JAVASCRIPT, desk_state_js, sizeof desk_state_js},
    {"/desk-actions.js", JAVASCRIPT, desk_actions_js, sizeof desk_actions_js},
    {"/desk-card.js", JAVASCRIPT, desk_card_js, sizeof desk_card_js},
    {"/desk-closure.js", JAVASCRIPT, desk_closure_js, sizeof desk_closure_js},
    {"/desk-money.js", JAVASCRIPT, desk_money_js, sizeof desk_money_js},
    {"/desk-role.js", JAVASCRIPT, desk_role_js, sizeof desk_role_js},
    {"/desk-draw.js", JAVASCRIPT, desk_draw_js, sizeof desk_draw_js},
    {"/catalogue.js", JAVASCRIPT, catalogue_js, sizeof catalogue_js},
    {"/desk-words.js", JAVASCRIPT, desk_words_js, sizeof desk_words_js},
    {"/messages/fr.json", "application/json", fr_json, sizeof fr_json},
    {"/messages/en.json", "application/json", en_json, sizeof en_json},
    {0}};

const web_asset *web_assets(void) { return table; }
