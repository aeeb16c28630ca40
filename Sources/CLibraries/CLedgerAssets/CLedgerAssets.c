#include "CLedgerAssets.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi_json[] = {
#embed "files/openapi.json"
};
static const unsigned char carte_eco_cddl[] = {
#embed "files/carte-eco.cddl"
};
static const unsigned char fleet_css[] = {
#embed "files/fleet.css"
};
static const unsigned char fleet_fr_json[] = {
#embed "files/fleet-fr.json"
};
static const unsigned char fleet_en_json[] = {
#embed "files/fleet-en.json"
};

static const ledger_asset table[] = {
    {"/openapi.json", "application/json", openapi_json, sizeof openapi_json},
    {"/carte-eco.cddl", "text/plain; charset=utf-8", carte_eco_cddl, sizeof carte_eco_cddl},
    {"/fleet/fleet.css", "text/css; charset=utf-8", fleet_css, sizeof fleet_css},
    {"/fleet/fr.json", "application/json", fleet_fr_json, sizeof fleet_fr_json},
    {"/fleet/en.json", "application/json", fleet_en_json, sizeof fleet_en_json},
    {0}};

const ledger_asset *ledger_assets(void) { return table; }
