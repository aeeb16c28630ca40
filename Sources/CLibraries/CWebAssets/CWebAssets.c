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
static const unsigned char enrol_css[] = {
#embed "web/enrol.css"
};
static const unsigned char enrol_draw_js[] = {
#embed "web/enrol-draw.js"
};
static const unsigned char desk_enrol_js[] = {
#embed "web/desk-enrol.js"
};
static const unsigned char keyboard_js[] = {
#embed "web/keyboard.js"
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
static const unsigned char desk_receipt_js[] = {
#embed "web/desk-receipt.js"
};
static const unsigned char desk_help_js[] = {
#embed "web/desk-help.js"
};
static const unsigned char desk_money_js[] = {
#embed "web/desk-money.js"
};
static const unsigned char desk_role_js[] = {
#embed "web/desk-role.js"
};
static const unsigned char fill_js[] = {
#embed "web/fill.js"
};
static const unsigned char card_number_js[] = {
#embed "web/card-number.js"
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
static const unsigned char languages_json[] = {
#embed "web/messages/languages.json"
};
static const unsigned char person_words_js[] = {
#embed "web/person-words.js"
};
static const unsigned char person_fr_json[] = {
#embed "web/messages/person/fr.json"
};
static const unsigned char person_fr_x_falc_json[] = {
#embed "web/messages/person/fr-x-falc.json"
};
static const unsigned char person_en_json[] = {
#embed "web/messages/person/en.json"
};
static const unsigned char person_ar_json[] = {
#embed "web/messages/person/ar.json"
};
static const unsigned char person_pt_json[] = {
#embed "web/messages/person/pt.json"
};
static const unsigned char person_tr_json[] = {
#embed "web/messages/person/tr.json"
};
static const unsigned char person_ta_json[] = {
#embed "web/messages/person/ta.json"
};
static const unsigned char person_zh_json[] = {
#embed "web/messages/person/zh.json"
};
static const unsigned char person_ro_json[] = {
#embed "web/messages/person/ro.json"
};
static const unsigned char client_html[] = {
#embed "web/client.html"
};
static const unsigned char client_css[] = {
#embed "web/client.css"
};
static const unsigned char client_js[] = {
#embed "web/client.js"
};
static const unsigned char client_draw_js[] = {
#embed "web/client-draw.js"
};

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JAVASCRIPT "text/javascript; charset=utf-8"
#define JSON "application/json"

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
    {"/enrol.css", CSS, enrol_css, sizeof enrol_css},
    {"/enrol-draw.js", JAVASCRIPT, enrol_draw_js, sizeof enrol_draw_js},
    {"/desk-enrol.js", JAVASCRIPT, desk_enrol_js, sizeof desk_enrol_js},
    {"/keyboard.js", JAVASCRIPT, keyboard_js, sizeof keyboard_js},
    {"/desk.js", JAVASCRIPT, desk_js, sizeof desk_js},
    {"/desk-state.js", JAVASCRIPT, desk_state_js, sizeof desk_state_js},
    {"/desk-actions.js", JAVASCRIPT, desk_actions_js, sizeof desk_actions_js},
    {"/desk-card.js", JAVASCRIPT, desk_card_js, sizeof desk_card_js},
    {"/desk-closure.js", JAVASCRIPT, desk_closure_js, sizeof desk_closure_js},
    {"/desk-receipt.js", JAVASCRIPT, desk_receipt_js, sizeof desk_receipt_js},
    {"/desk-help.js", JAVASCRIPT, desk_help_js, sizeof desk_help_js},
    {"/desk-money.js", JAVASCRIPT, desk_money_js, sizeof desk_money_js},
    {"/desk-role.js", JAVASCRIPT, desk_role_js, sizeof desk_role_js},
    {"/fill.js", JAVASCRIPT, fill_js, sizeof fill_js},
    {"/card-number.js", JAVASCRIPT, card_number_js, sizeof card_number_js},
    {"/desk-draw.js", JAVASCRIPT, desk_draw_js, sizeof desk_draw_js},
    {"/catalogue.js", JAVASCRIPT, catalogue_js, sizeof catalogue_js},
    {"/desk-words.js", JAVASCRIPT, desk_words_js, sizeof desk_words_js},
    {"/messages/fr.json", JSON, fr_json, sizeof fr_json},
    {"/messages/en.json", JSON, en_json, sizeof en_json},
    {"/messages/languages.json", JSON, languages_json, sizeof languages_json},
    {"/messages/person/fr.json", JSON, person_fr_json,
     sizeof person_fr_json},
    {"/messages/person/fr-x-falc.json", JSON, person_fr_x_falc_json,
     sizeof person_fr_x_falc_json},
    {"/messages/person/en.json", JSON, person_en_json,
     sizeof person_en_json},
    {"/messages/person/ar.json", JSON, person_ar_json,
     sizeof person_ar_json},
    {"/messages/person/pt.json", JSON, person_pt_json,
     sizeof person_pt_json},
    {"/messages/person/tr.json", JSON, person_tr_json,
     sizeof person_tr_json},
    {"/messages/person/ta.json", JSON, person_ta_json,
     sizeof person_ta_json},
    {"/messages/person/zh.json", JSON, person_zh_json,
     sizeof person_zh_json},
    {"/messages/person/ro.json", JSON, person_ro_json,
     sizeof person_ro_json},
    {"/person-words.js", JAVASCRIPT, person_words_js, sizeof person_words_js},
    {"/client", HTML, client_html, sizeof client_html},
    {"/client.css", CSS, client_css, sizeof client_css},
    {"/client.js", JAVASCRIPT, client_js, sizeof client_js},
    {"/client-draw.js", JAVASCRIPT, client_draw_js, sizeof client_draw_js},
    {0}};

const web_asset *web_assets(void) { return table; }
