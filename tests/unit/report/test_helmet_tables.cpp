#include <gtest/gtest.h>

#include "retmask/report/helmet_tables.h"

namespace retmask {
namespace {

Json category(const char* name, int64_t length, Json score, int columns = 4) {
  return {{"category", name},
          {"length", length},
          {"score", std::move(score)},
          {"columns", columns},
          {"of", 4},
          {"missing", Json::array()}};
}

HelmetRun run_of(const char* name, double shift) {
  const Json tasks = Json::array({{{"task", "alce_asqa_30"},
                                   {"category", "Cite"},
                                   {"length", 8192},
                                   {"metric", "str_em"},
                                   {"total", 100},
                                   {"metrics", {{"str_em", 40.0 + shift}, {"citation_rec", 5.0}}},
                                   {"missing", Json::array({"citation_prec"})}}});
  return {.name = name,
          .results = {
              {"tasks", tasks},
              {"categories",
               {category("Recall", 8192, 50.0 + shift),
                category("Recall", 16384, 40.0 + shift, /*columns=*/3),
                category("Cite", 8192, nullptr)}},
              {"average",
               {{{"length", 8192}, {"score", nullptr}}, {{"length", 16384}, {"score", 20.0}}}}}};
}

using Rows = std::vector<std::vector<std::string>>;

TEST(HelmetTables, OfOneRun) {
  const std::vector<HelmetTable> tables = helmet_tables({run_of("", 0)});
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[0].table.columns,
            (std::vector<std::string>{
                "length", "Recall", "RAG", "Cite", "Re-rank", "ICL", "LongQA", "Summ", "Average"}));
  EXPECT_EQ(tables[0].table.rows,
            (Rows{{"8K", "50.00", "", "missing", "", "", "", "", "missing"},
                  {"16K", "40.00*", "", "", "", "", "", "", "20.00"},
                  {"mean", "45.00*", "", "", "", "", "", "", "missing"}}));
  EXPECT_EQ(tables[1].table.rows[0],
            (std::vector<std::string>{"Recall", "50.00", "40.00*", "45.00*"}));
  EXPECT_EQ(tables[2].table.rows,
            (Rows{{"Cite", "alce_asqa_30", "8K", "str_em", "100", "40.00"},
                  {"Cite", "alce_asqa_30", "8K", "citation_rec", "100", "5.00"},
                  {"Cite", "alce_asqa_30", "8K", "citation_prec", "100", "missing"}}));
}

TEST(HelmetTables, OfSeveralRuns) {
  const std::vector<HelmetTable> tables = helmet_tables({run_of("base", 0), run_of("trained", 5)});
  EXPECT_EQ(tables[0].table.columns[0], "run");
  EXPECT_EQ(tables[0].table.rows.size(), 6u);
  EXPECT_EQ(tables[0].table.rows[1][0], "trained");
  EXPECT_EQ(tables[0].table.rows[1][2], "55.00");
  EXPECT_EQ(
      tables[2].table.rows[0],
      (std::vector<std::string>{"Cite", "alce_asqa_30", "8K", "str_em", "100", "40.00", "45.00"}));
}

TEST(HelmetTables, EachFileSaysTheUnit) {
  const HelmetTable table = helmet_tables({run_of("", 0)})[1];
  EXPECT_TRUE(helmet_table_text(table, "txt").starts_with("HELMET, scores by length, in %\n"));
  EXPECT_TRUE(helmet_table_text(table, "csv").starts_with("category,8K (%),16K (%),mean (%)\n"));
  EXPECT_TRUE(
      helmet_table_text(table, "tex").starts_with("% HELMET, scores by length, in percent\n"));
}

TEST(HelmetFigure, HasAPanelForEachCategoryWithALine) {
  const std::string figure = helmet_figure_svg({run_of("base", 0), run_of("trained", 5)});
  size_t panels = 0;
  for (size_t at = figure.find("<svg x="); at != std::string::npos;
       at = figure.find("<svg x=", at + 1))
    ++panels;
  EXPECT_EQ(panels, 1u);
  for (const char* text : {">Recall<", ">8K<", ">16K<", "trained: 55 "}) {
    EXPECT_NE(figure.find(text), std::string::npos) << text;
  }
  HelmetRun single = run_of("", 0);
  single.results["categories"].erase(1);
  EXPECT_EQ(helmet_figure_svg({single}), "");
}

}  // namespace
}  // namespace retmask
