#include "rl/published.hpp"

#include "ergon/core/errors.hpp"

namespace ergon::app {
namespace {

PublishedReturn published_from(const Json& json) {
  PublishedReturn published;
  const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
  published.environment = text("environment") + "-" + text("version");
  published.algorithm = text("algorithm");
  published.name = text("name");
  published.protocol = text("protocol");
  published.source = text("source");
  published.step = json.at("step").get<std::int64_t>();
  published.value = json.at("return").get<double>();
  if (json.contains("interval"))
    published.interval = {json["interval"][0].get<double>(), json["interval"][1].get<double>()};
  if (json.contains("spread")) published.spread = json["spread"].get<double>();
  if (json.contains("curve")) {
    published.steps = json["curve"].at("step").get<std::vector<std::int64_t>>();
    published.returns = json["curve"].at("return").get<std::vector<double>>();
  }
  ERGON_CHECK(published.steps.size() == published.returns.size(), "{}: {} steps, {} returns",
              published.name, published.steps.size(), published.returns.size());
  return published;
}

}  // namespace

std::string environment_family(const std::string& environment) {
  return environment.substr(0, environment.rfind("-v"));
}

std::vector<PublishedReturn> published_returns(const std::string& environment) {
  const std::string family = environment_family(environment);
  std::vector<PublishedReturn> found;
  for (const auto& [file, text] : published_texts()) {
    const Json json = Json::parse(text);
    for (const Json& entry : json.at("entries")) {
      if (entry.at("environment") == family) found.push_back(published_from(entry));
    }
  }
  return found;
}

Json to_json(const PublishedReturn& published) {
  Json json = {{"environment", published.environment},
               {"algorithm", published.algorithm},
               {"name", published.name},
               {"protocol", published.protocol},
               {"source", published.source},
               {"step", published.step},
               {"value", published.value}};
  json["interval"] = published.interval
                         ? Json::array({published.interval->first, published.interval->second})
                         : Json(nullptr);
  json["spread"] = published.spread ? Json(*published.spread) : Json(nullptr);
  json["curve"] = published.steps.empty()
                      ? Json(nullptr)
                      : Json{{"step", published.steps}, {"value", published.returns}};
  return json;
}

}  // namespace ergon::app
