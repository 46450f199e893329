#include "engine/container/records.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "platform/base/error.h"

namespace container {
namespace {

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    char name[] = "/tmp/sampan-records-XXXXXX";
    path_ = ::mkdtemp(name);
    store_ = std::make_unique<store::Store>(path_);
  }
  ~RecordsTest() override {
    store_.reset();
    std::filesystem::remove_all(path_);
  }
  void write(const std::function<void(store::Transaction&)>& change) {
    store_->write(store::Durability::kLazy, change);
  }
  void overwrite(const std::string& id, const std::string& text) {
    write([&](store::Transaction& t) {
      t.run("UPDATE container SET record = ? WHERE id = ?", {text, id});
    });
  }
  static Record record(const std::string& id, const std::string& name) {
    Record result;
    result.id = id;
    result.name = name;
    return result;
  }

  std::string path_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(RecordsTest, ADamagedRowIsSetAsideAndTheOthersAreServed) {
  std::string good;
  {
    Records records(*store_);
    write([&](store::Transaction& t) {
      for (const char* id : {"aa", "bb", "cc", "dd", "ee"})
        records.insert(t, record(id, std::string("name-") + id));
    });
    good = encode(record("aa", "name-aa"));
  }
  for (const auto& [id, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"aa", "not JSON"}, {"bb", ""}, {"cc", "[1]"}, {"dd", "{}"}}) {
    overwrite(id, text);
  }
  {
    Records records(*store_);
    EXPECT_EQ(records.all().size(), 1u);
    EXPECT_EQ(records.get("name-ee")->id, "ee");
    EXPECT_EQ(records.find("aa"), nullptr);
    // Its name stays its own.
    EXPECT_THROW(write([&](store::Transaction& t) { records.insert(t, record("ff", "name-aa")); }),
                 base::Error);
  }
  overwrite("aa", good);
  Records repaired(*store_);
  EXPECT_EQ(repaired.get("name-aa")->id, "aa");
  EXPECT_EQ(repaired.all().size(), 2u);
}

}  // namespace
}  // namespace container
