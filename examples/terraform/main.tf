# A control plane of Konnect with the plugins, by Terraform instead of decK: docs/konnect.md. It is what
# ../tokens-and-quota.yml has. Written by the documents of the provider, version 3.19, and not applied by us.
#
#   mkdir schemas && for name in genesys-quota genesys-token-manager; do
#     kong-genesys-cloud --format lua-schema --plugin "$name" > "schemas/$name.lua"
#   done
#   KONNECT_TOKEN=... terraform apply -var control_plane_id=...
terraform {
  required_version = ">= 1.8"
  required_providers {
    konnect = {
      source  = "kong/konnect"
      version = "~> 3.19"
    }
  }
}

provider "konnect" {
  server_url = var.server_url
}

variable "server_url" {
  description = "The region of Konnect"
  type        = string
  default     = "https://eu.api.konghq.com"
}

variable "control_plane_id" {
  type = string
}

variable "consumer_key" {
  description = "The key of the consumer my-service; it is in Terraform's state"
  type        = string
  sensitive   = true
}

locals {
  plugins = toset(["genesys-quota", "genesys-token-manager"])
}

# Konnect must know a plugin's fields before anything can be configured with it.
resource "konnect_gateway_custom_plugin_schema" "plugin" {
  for_each         = local.plugins
  control_plane_id = var.control_plane_id
  lua_schema       = file("${path.module}/schemas/${each.key}.lua")
}

resource "konnect_gateway_service" "genesys_cloud" {
  control_plane_id = var.control_plane_id
  name             = "genesys-cloud"
  protocol         = "https"
  host             = "api.mypurecloud.com"
  port             = 443
  path             = "/api/v2"
  read_timeout     = 10000
  retries          = 0
  tls_verify       = true
  tags             = ["genesys-cloud"]
}

resource "konnect_gateway_route" "genesys_cloud" {
  control_plane_id = var.control_plane_id
  name             = "genesys-cloud"
  protocols        = ["http", "https"]
  paths            = ["/genesys/"]
  service          = { id = konnect_gateway_service.genesys_cloud.id }
}

resource "konnect_gateway_plugin_key_auth" "genesys_cloud" {
  control_plane_id = var.control_plane_id
  route            = { id = konnect_gateway_route.genesys_cloud.id }
  config = {
    key_names        = ["apikey"]
    key_in_query     = false
    hide_credentials = true
  }
}

resource "konnect_gateway_custom_plugin" "quota" {
  depends_on       = [konnect_gateway_custom_plugin_schema.plugin]
  control_plane_id = var.control_plane_id
  name             = "genesys-quota"
  route            = { id = konnect_gateway_route.genesys_cloud.id }
  config = {
    namespace = "my-organisation"
    limits = [
      { name = "organisation", limit = 280, window = "minute", by = "global" },
      { name = "consumer", limit = 120, window = "minute", by = "consumer" },
    ]
  }
}

# The data plane reads the credentials from its environment: none is in Konnect or in Terraform's state.
resource "konnect_gateway_custom_plugin" "tokens" {
  depends_on       = [konnect_gateway_custom_plugin_schema.plugin]
  control_plane_id = var.control_plane_id
  name             = "genesys-token-manager"
  route            = { id = konnect_gateway_route.genesys_cloud.id }
  config = {
    region        = "us_east_1"
    client_id     = "{vault://env/genesys-client-id}"
    client_secret = "{vault://env/genesys-client-secret}"
  }
}

resource "konnect_gateway_consumer" "my_service" {
  control_plane_id = var.control_plane_id
  username         = "my-service"
  tags             = ["genesys-cloud"]
}

resource "konnect_gateway_key_auth" "my_service" {
  control_plane_id = var.control_plane_id
  consumer_id      = konnect_gateway_consumer.my_service.id
  key              = var.consumer_key
}
