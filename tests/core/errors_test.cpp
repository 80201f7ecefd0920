#include "ergon/core/errors.hpp"

#include <gmock/gmock.h>

#include "ergon/core/enum_names.hpp"
#include "temporary_folder.hpp"

namespace ergon {

enum class Fruit { kApple, kPear, kNameless };

template <>
struct EnumNames<Fruit> {
  static const std::vector<EnumName<Fruit>>& all() {
    static const std::vector<EnumName<Fruit>> names = {{Fruit::kApple, "apple", "round"},
                                                       {Fruit::kPear, "pear", "longer"}};
    return names;
  }
};

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

TEST(CoreErrors, RequireFormatsItsMessageOnlyWhenTheConditionFails) {
  EXPECT_NO_THROW(require(true, "never {}", 1));
  EXPECT_EQ(message_of([] { require(false, "{} is {}", "x", 3); }), "x is 3");
  EXPECT_EQ(message_of([] { fail("no {}", "way"); }), "no way");
}

TEST(CoreErrors, CheckNamesPlaceConditionAndValues) {
  const int dim = 3;
  EXPECT_NO_THROW(ERGON_CHECK(dim == 3, "dim {}", dim));
  try {
    ERGON_CHECK(dim == 4, "dim {}", dim);
    FAIL() << "no exception";
  } catch (const BrokenPromise& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("errors_test.cpp"), HasSubstr("dim == 4"), HasSubstr("dim 3")));
  }
}

TEST(CoreEnumNames, WordsAndValuesGoBothWays) {
  EXPECT_EQ(to_name(Fruit::kPear), "pear");
  EXPECT_EQ(from_name<Fruit>("--fruit", "apple"), Fruit::kApple);
  EXPECT_EQ(list_names<Fruit>(), "apple, pear");
  EXPECT_THROW(to_name(Fruit::kNameless), BrokenPromise);
}

TEST(CoreEnumNames, AnUnknownWordListsTheAlternatives) {
  EXPECT_THAT(message_of([] { from_name<Fruit>("--fruit", "aple"); }),
              AllOf(HasSubstr("--fruit"), HasSubstr("'aple'"), HasSubstr("apple, pear")));
}

}  // namespace
}  // namespace ergon
